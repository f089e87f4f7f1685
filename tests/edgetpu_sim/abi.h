// The part of TFLite's delegate ABI that is used, and libedgetpu's own C API. Declared here, since
// no wheel ships headers; the prefixes of these structs are the same from TF 2.5 to LiteRT 2.3.
#pragma once
#include <stddef.h>
#include <stdint.h>

extern "C" {
typedef enum { kOk = 0, kError = 1 } Status;
typedef struct { int size; int data[]; } IntArray;
struct Context;
struct Delegate;

typedef struct {
  int type;
  void* data;
  IntArray* dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  Delegate* delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct { int type; void* params; } quantization;
  void* sparsity;
  const IntArray* dims_signature;
} Tensor;

typedef struct {
  IntArray *inputs, *outputs, *intermediates, *temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom;
  int custom_size;
  Delegate* delegate;
  bool might_have_side_effect;
} Node;

typedef struct {
  void* (*init)(Context*, const char*, size_t);
  void (*free)(Context*, void*);
  Status (*prepare)(Context*, Node*);
  Status (*invoke)(Context*, Node*);
  const char* (*profiling)(const Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  // What newer runtimes append. It is passed by value, so a struct too short makes them read the
  // stack's garbage: why the libedgetpu of 2021 crashes in TFLite 2.12 and later.
  void* later[13];
} Registration;

struct Context {
  size_t tensors_size;
  Status (*GetExecutionPlan)(Context*, IntArray**);
  Tensor* tensors;
  void* impl;
  Status (*ResizeTensor)(Context*, Tensor*, IntArray*);
  void (*ReportError)(Context*, const char*, ...);
  Status (*AddTensors)(Context*, int, int*);
  Status (*GetNodeAndRegistration)(Context*, int, Node**, Registration**);
  Status (*ReplaceNodeSubsets)(Context*, Registration, const IntArray*, Delegate*);
};

typedef struct { Delegate* delegate; IntArray *nodes, *inputs, *outputs; } DelegateParams;

struct Delegate {
  void* data;
  Status (*Prepare)(Context*, Delegate*);
  void *copy_from, *copy_to, *free_handle;
  int64_t flags;
  void* opaque;
  void* later[8];
};

// libedgetpu's edgetpu_c.h
typedef enum { kPci = 0, kUsb = 1 } DeviceType;
typedef struct { DeviceType type; const char* path; } DeviceRecord;
typedef struct { const char *name, *value; } Option;
}

#define EXPORT extern "C" __attribute__((visibility("default")))
