// A software stand-in for libedgetpu.so.1: an external delegate that claims "edgetpu-custom-op",
// refuses and fails as the real one does, and computes what the CPU computes. For tests only; its
// version is EDGETPU-SIM. Texts it prints are those of google-coral/libedgetpu.
#include <signal.h>

#include "abi.h"
#include "bus.h"
#include "host.h"

static const char kMagic[] = "ETPUSIM1";
static const int kMagicBytes = 8;
static const char kOp[] = "edgetpu-custom-op";

[[noreturn]] static void hang() { for (;;) pause(); }

static void crash_if(const char* kind, const std::string& port) {
  Fault fault;
  if (!Faults(port).find(kind, &fault)) return;
  fault.strike();
  int number = fault.value ? (int)fault.value : SIGSEGV;
  signal(number, SIG_DFL);
  raise(number);
}

__attribute__((constructor)) static void loaded() { crash_if("crash_constructor", ""); }

// ---- a device that is open ----
struct Handle {
  Device device;
  std::string stamp;
  long invokes = 0;
  bool dead = false;
  std::map<std::string, long> seen;  // the invoke at which a fault was first met
};

static Status refuse(Context* context, const char* why) {
  context->ReportError(context, "Failed to execute request. %s", why);
  return kError;
}

// As libedgetpu ends the process: from a thread of its own, with LOG(FATAL).
[[noreturn]] static void fatal(bool there) {
  const char* why = there
      ? "transfer on tag 1 failed. Abort. Deadline exceeded: USB transfer error 2 "
        "[LibUsbDataOutCallback]"
      : "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 "
        "[LibUsbDataInCallback]";
  fprintf(stderr, "F driver/usb/usb_driver.cc:%d] %s\n", there ? 1150 : 1125, why);
  abort();
}

static Status end(Context* context, Handle* handle, const std::string& mode, bool there) {
  handle->dead = true;
  if (mode == "hang") hang();
  if (mode == "crash") raise(SIGSEGV);
  if (mode != "error") fatal(there);
  return refuse(context, there ? "USB transfer error 2 [LibUsbDataOutCallback]"
                               : "USB transfer error 5 [LibUsbDataInCallback]");
}

// How this invoke is to end, "" if well.
static std::string ending(Handle* handle, const Faults& faults) {
  for (const char* kind : {"error", "abort", "hang", "crash"}) {
    Fault fault;
    if (!faults.find(kind, &fault)) { handle->seen.erase(kind); continue; }
    long since = handle->seen.try_emplace(kind, handle->invokes).first->second;
    if (handle->invokes - since < fault.value) continue;
    fault.strike();
    return kind;
  }
  return "";
}

static std::string open_fault(const Device& device) {
  Faults faults(device.port);
  Fault fault;
  bool usb = device.type == kUsb;
  if (faults.find("denied", &fault))
    return usb ? "Permission denied: USB error -3 [OpenDevice]"
               : "Failed precondition: Device open failed : -1 (Permission denied)";
  if (faults.find("stuck", &fault))
    return "Deadline exceeded: USB error -7 [SendControlCommand]";
  if (!claim(device.port))
    return usb ? "Deadline exceeded: USB error -6 [ClaimInterface]"
               : "Failed precondition: Device open failed : -1 (Device or resource busy)";
  double pause_ms = faults.find("firmware", &fault) ? fault.value : 20;
  bool raw = usb && text_of(usb_folder(device.port) + "/idVendor") == "1a6e";
  if (raw && !load_firmware(device, pause_ms)) {
    disclaim(device.port);
    return "Not found: OpenDevice";
  }
  return "";
}

static Handle* open_device(const Device& device) {
  crash_if("crash_create", device.port);
  Fault fault;
  if (Faults(device.port).find("hang_create", &fault)) { fault.strike(); hang(); }
  std::string why = open_fault(device);
  if (!why.empty()) {
    const char* kind = device.type == kUsb ? "Apex (USB)" : "Apex (PCIe)";
    vlog(1, "tflite/edgetpu_context_direct.cc:339",
         std::string("Failed to open device [") + kind + "] at [" + device.path + "]: " + why);
    return nullptr;
  }
  return new Handle{device, stamp_of(device), 0, false, {}};
}

// ---- the kernel: one for each custom op ----
struct Kernel {
  Handle* handle;
  CpuModel model;
  std::vector<int> inputs, outputs;
};

static void* kernel_init(Context* context, const char* buffer, size_t) {
  auto* params = (const DelegateParams*)buffer;
  Node* node;
  Registration* registration;
  context->GetNodeAndRegistration(context, params->nodes->data[0], &node, &registration);
  auto* handle = (Handle*)params->delegate->data;
  crash_if("crash_prepare", handle->device.port);
  const char* content = (const char*)node->custom + kMagicBytes;
  auto* kernel = new Kernel{handle, {content, node->custom_size - kMagicBytes}, {}, {}};
  kernel->inputs.assign(node->inputs->data, node->inputs->data + node->inputs->size);
  kernel->outputs.assign(node->outputs->data, node->outputs->data + node->outputs->size);
  return kernel;
}

static void kernel_free(Context*, void* buffer) { delete (Kernel*)buffer; }

static Status kernel_prepare(Context* context, Node* node) {
  if (((Kernel*)node->user_data)->model.loaded()) return kOk;
  context->ReportError(context, "Failed to prepare for TPU. The wrapped model did not load.");
  return kError;
}

static Status kernel_invoke(Context* context, Node* node) {
  auto* kernel = (Kernel*)node->user_data;
  Handle* handle = kernel->handle;
  Faults faults(handle->device.port);
  Fault fault;
  if (stamp_of(handle->device) != handle->stamp) {
    std::string mode = faults.find("gone", &fault) ? fault.mode : "abort";
    return end(context, handle, mode, false);
  }
  if (handle->dead) return refuse(context, "Edge TPU is not ready.");
  std::string mode = ending(handle, faults);
  if (!mode.empty()) return end(context, handle, mode, true);
  handle->invokes++;
  if (faults.find("slow", &fault)) usleep((useconds_t)(fault.value * 1000));
  int off = faults.find("wrong", &fault) ? (int)fault.value : 0;
  bool done = kernel->model.run(context, kernel->inputs, kernel->outputs, off);
  return done ? kOk : kError;
}

// ---- the delegate ----
static Status delegate_prepare(Context* context, Delegate* delegate) {
  IntArray* plan;
  if (context->GetExecutionPlan(context, &plan) != kOk) return kError;
  std::vector<int> mine;
  for (int at = 0; at < plan->size; at++) {
    Node* node;
    Registration* registration;
    if (context->GetNodeAndRegistration(context, plan->data[at], &node, &registration) != kOk)
      return kError;
    if (!registration->custom_name || strcmp(registration->custom_name, kOp)) continue;
    if (node->custom_size < kMagicBytes || memcmp(node->custom, kMagic, kMagicBytes)) {
      context->ReportError(context,
                           "EDGETPU-SIM: this model was compiled for a real Edge TPU; the "
                           "simulator runs only models made by its own wrapper.");
      return kError;
    }
    mine.push_back(plan->data[at]);
  }
  Registration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.init = kernel_init;
  kernel.free = kernel_free;
  kernel.prepare = kernel_prepare;
  kernel.invoke = kernel_invoke;
  kernel.custom_name = "EdgeTpuSimDelegateForCustomOp";
  kernel.version = 1;
  for (int index : mine) {
    auto* one = (IntArray*)malloc(sizeof(IntArray) + sizeof(int));
    one->size = 1;
    one->data[0] = index;
    Status status = context->ReplaceNodeSubsets(context, kernel, one, delegate);
    free(one);
    if (status != kOk) return status;
  }
  return kOk;
}

static Delegate* new_delegate(const Device& device) {
  if (!find_python()) return nullptr;
  Handle* handle = open_device(device);
  if (!handle) return nullptr;
  auto* delegate = (Delegate*)calloc(1, sizeof(Delegate));
  delegate->data = handle;
  delegate->Prepare = delegate_prepare;
  delegate->flags = 1;  // AllowDynamicTensors: else the custom op is prepared, and refused, first
  return delegate;
}

// "", ":N", "usb", "usb:N", "pci", "pci:N"
static bool wanted(const std::string& text, const Device& device) {
  std::string kind = text.substr(0, text.find(':'));
  return kind.empty() || kind == (device.type == kUsb ? "usb" : "pci");
}

EXPORT Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                               void (*)(const char*)) {
  std::string device;
  for (size_t at = 0; at < count; at++)
    if (!strcmp(keys[at], "device")) device = values[at];
  size_t colon = device.find(':');
  int index = colon == std::string::npos ? 0 : atoi(device.c_str() + colon + 1);
  for (const Device& found : enumerate())
    if (wanted(device, found) && index-- == 0) return new_delegate(found);
  return nullptr;  // and not a word of why, as the real one
}

EXPORT void tflite_plugin_destroy_delegate(Delegate* delegate) {
  if (!delegate) return;
  auto* handle = (Handle*)delegate->data;
  disclaim(handle->device.port);
  delete handle;
  free(delegate);
}

// ---- edgetpu_c.h ----
EXPORT DeviceRecord* edgetpu_list_devices(size_t* count) {
  std::vector<Device> found = enumerate();
  *count = found.size();
  if (found.empty()) return nullptr;
  size_t size = sizeof(DeviceRecord) * found.size();
  for (const Device& device : found) size += device.path.size() + 1;
  auto* records = (DeviceRecord*)malloc(size);
  char* paths = (char*)(records + found.size());
  for (size_t at = 0; at < found.size(); at++) {
    records[at] = {found[at].type, strcpy(paths, found[at].path.c_str())};
    paths += found[at].path.size() + 1;
  }
  return records;
}

EXPORT void edgetpu_free_devices(DeviceRecord* records) { free(records); }

EXPORT Delegate* edgetpu_create_delegate(DeviceType type, const char* name, const Option*, size_t) {
  for (const Device& found : enumerate())
    if (found.type == type && (!name || found.path == name)) return new_delegate(found);
  return nullptr;
}

EXPORT void edgetpu_free_delegate(Delegate* delegate) { tflite_plugin_destroy_delegate(delegate); }

EXPORT void edgetpu_verbosity(int level) { g_verbosity = level; }

EXPORT const char* edgetpu_version(void) { return "EDGETPU-SIM"; }
