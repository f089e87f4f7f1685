// Runs a CPU model with the TFLite runtime of the Python that has loaded this library, so that the
// result is that runtime's, bit for bit: the wheels export no C API to run a model with.
#pragma once
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

#include <string>
#include <vector>

#include "abi.h"

typedef struct _object PyObject;
#define PYTHON_CALL(result, name, ...) static result (*name)(__VA_ARGS__) = nullptr
PYTHON_CALL(int, PyGILState_Ensure);
PYTHON_CALL(void, PyGILState_Release, int);
PYTHON_CALL(PyObject*, PyRun_String, const char*, int, PyObject*, PyObject*);
PYTHON_CALL(PyObject*, PyDict_New);
PYTHON_CALL(PyObject*, PyDict_GetItemString, PyObject*, const char*);
PYTHON_CALL(int, PyDict_SetItemString, PyObject*, const char*, PyObject*);
PYTHON_CALL(PyObject*, PyEval_GetBuiltins);
PYTHON_CALL(PyObject*, PyObject_CallFunction, PyObject*, const char*, ...);
PYTHON_CALL(void, PyErr_Print);
PYTHON_CALL(void, Py_DecRef, PyObject*);
PYTHON_CALL(int, Py_IsInitialized);

static const int kStatements = 257, kExpression = 258;  // Py_file_input, Py_eval_input

static const char kGlue[] = R"PY(
import ctypes, sys

def opened(address, size):
    if 'ai_edge_litert.interpreter' in sys.modules:
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    interpreter = Interpreter(model_content=ctypes.string_at(address, size), num_threads=1)
    interpreter.allocate_tensors()
    inputs = [detail['index'] for detail in interpreter.get_input_details()]
    outputs = [detail['index'] for detail in interpreter.get_output_details()]
    return interpreter, inputs, outputs

def run(model, inputs, outputs, off):
    interpreter, input_indices, output_indices = model
    for index, (address, size) in zip(input_indices, inputs):
        tensor = interpreter.tensor(index)()
        assert tensor.nbytes == size, (tensor.nbytes, size)
        ctypes.memmove(tensor.ctypes.data, address, size)
        del tensor
    interpreter.invoke()
    for index, (address, size) in zip(output_indices, outputs):
        tensor = interpreter.tensor(index)()
        assert tensor.nbytes == size, (tensor.nbytes, size)
        ctypes.memmove(address, tensor.ctypes.data, size)
        del tensor
        if off:
            bytes_ = (ctypes.c_uint8 * size).from_address(address)
            bytes_[:] = bytes((byte + off) % 256 for byte in bytes_)
)PY";

static PyObject* g_names = nullptr;

// Whether this process is a Python, with everything found that is called.
static bool find_python() {
  if (PyGILState_Ensure) return true;
#define FIND(name) \
  if (!(name = (decltype(name))dlsym(RTLD_DEFAULT, #name))) return false
  FIND(PyGILState_Release); FIND(PyRun_String); FIND(PyDict_New); FIND(PyDict_GetItemString);
  FIND(PyDict_SetItemString); FIND(PyEval_GetBuiltins); FIND(PyObject_CallFunction);
  FIND(PyErr_Print); FIND(Py_DecRef); FIND(Py_IsInitialized); FIND(PyGILState_Ensure);
  return true;
}

class Locked {  // Python's lock, for as long as it stands
 public:
  Locked() : state_(PyGILState_Ensure()) {}
  ~Locked() { PyGILState_Release(state_); }

 private:
  int state_;
};

static PyObject* glue(const char* name) {
  if (!g_names) {
    g_names = PyDict_New();
    PyDict_SetItemString(g_names, "__builtins__", PyEval_GetBuiltins());
    PyObject* done = PyRun_String(kGlue, kStatements, g_names, g_names);
    if (done) Py_DecRef(done); else PyErr_Print();
  }
  return PyDict_GetItemString(g_names, name);
}

class CpuModel {
 public:
  CpuModel(const char* content, int size) {
    Locked locked;
    model_ = PyObject_CallFunction(glue("opened"), "Ki", (unsigned long long)(uintptr_t)content,
                                   size);
    if (!model_) PyErr_Print();
  }
  ~CpuModel() {
    if (!Py_IsInitialized()) return;
    Locked locked;
    for (PyObject* held : {model_, inputs_.list, outputs_.list}) if (held) Py_DecRef(held);
  }
  bool loaded() const { return model_ != nullptr; }

  bool run(Context* context, const std::vector<int>& in, const std::vector<int>& out, int off) {
    Locked locked;
    inputs_.refresh(context, in);
    outputs_.refresh(context, out);
    PyObject* done = PyObject_CallFunction(glue("run"), "OOOi", model_, inputs_.list,
                                           outputs_.list, off);
    if (!done) { PyErr_Print(); return false; }
    Py_DecRef(done);
    return true;
  }

 private:
  struct Places {  // [(address, bytes), ...], made anew only when the runtime has moved a tensor
    std::string text;
    PyObject* list = nullptr;
    void refresh(Context* context, const std::vector<int>& indices) {
      std::string now = "[";
      for (int index : indices) {
        const Tensor& tensor = context->tensors[index];
        now += "(" + std::to_string((unsigned long long)(uintptr_t)tensor.data) + "," +
               std::to_string(tensor.bytes) + "),";
      }
      now += "]";
      if (now == text) return;
      if (list) Py_DecRef(list);
      list = PyRun_String(now.c_str(), kExpression, g_names, g_names);
      text = now;
    }
  };

  PyObject* model_ = nullptr;
  Places inputs_, outputs_;
};
