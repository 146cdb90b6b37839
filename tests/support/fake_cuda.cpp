// The part of CUDA's driver that driver.py and benchmarks/gpu call, on the CPU: a GPU's memory is the host's, a kernel
// is block.cu as C++. cuda-bindings finds it as libcuda.so.1. Calls that driver.py may not make fail.
// It is as late as a driver may be: what is queued is done when it is waited for, and a copy from memory that is not
// pinned when the default stream is. So who waits too little reads what was there before: NaN.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

typedef int Result;
typedef unsigned long long Address;
enum { OK = 0, INVALID = 1, NO_CONTEXT = 201, INVALID_IMAGE = 200, NOT_FOUND = 500 };
struct Stream { std::vector<std::function<void()>> queued; };
struct Event { Stream *stream; };

static std::mutex guard;
static std::map<Address, size_t> device_memory, pinned_memory;
static thread_local void *current = nullptr;
static int context_tag, streams_open = 0, events_open = 0, modules_open = 0;
static std::map<void *, size_t> most_shared;
static Stream default_stream;

static bool holds(std::map<Address, size_t> &memory, Address at, size_t size) {
  std::lock_guard<std::mutex> lock(guard);
  auto after = memory.upper_bound(at);
  if (after == memory.begin()) return false;
  auto found = std::prev(after);
  return at + size <= found->first + found->second;
}

static void carry_out(Stream &stream) {
  std::vector<std::function<void()>> queued;
  {
    std::lock_guard<std::mutex> lock(guard);
    queued.swap(stream.queued);
  }
  for (auto &work : queued) work();
}

static void queue(Stream *stream, std::function<void()> work) {
  std::lock_guard<std::mutex> lock(guard);
  stream->queued.push_back(work);
}

static int number(const char *name, int usual) {
  const char *told = getenv(name);
  return told ? atoi(told) : usual;
}

extern "C" {
Result cuInit(unsigned) { return OK; }
Result cuDriverGetVersion(int *version) { *version = number("FAKE_CUDA_VERSION", 13000); return OK; }
Result cuDeviceGetCount(int *count) { *count = 1; return OK; }
Result cuDeviceGet(int *device, int number) { *device = number; return number == 0 ? OK : INVALID; }
Result cuDeviceGetName(char *name, int length, int) { snprintf(name, length, "Fake card"); return OK; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
  switch (attribute) {
    case 16: *value = 3; return OK;            // MULTIPROCESSOR_COUNT
    case 97: *value = 227 * 1024; return OK;   // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    case 75: *value = 9; return OK;            // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = 0; return OK;            // COMPUTE_CAPABILITY_MINOR
    case 17: case 20: *value = 0; return OK;   // KERNEL_EXEC_TIMEOUT, COMPUTE_MODE
    case 31: case 40: *value = 1; return OK;   // CONCURRENT_KERNELS, ASYNC_ENGINE_COUNT
  }
  return INVALID;
}
Result cuDevicePrimaryCtxRetain(void **context, int) { *context = &context_tag; return OK; }
Result cuDevicePrimaryCtxRelease_v2(int) { return OK; }
Result cuCtxSetCurrent(void *context) { current = context; return OK; }
Result cuMemAlloc_v2(Address *address, size_t size) {
  if (!current) return NO_CONTEXT;
  *address = (Address)calloc(1, size);
  memset((void *)*address, 0xFF, size);
  std::lock_guard<std::mutex> lock(guard);
  device_memory[*address] = size;
  return OK;
}
Result cuMemFree_v2(Address address) {
  std::lock_guard<std::mutex> lock(guard);
  if (!device_memory.erase(address)) return INVALID;
  free((void *)address);
  return OK;
}
Result cuMemHostAlloc(void **address, size_t size, unsigned) {
  if (!current) return NO_CONTEXT;
  *address = calloc(1, size);
  std::lock_guard<std::mutex> lock(guard);
  pinned_memory[(Address)*address] = size;
  return OK;
}
Result cuMemFreeHost(void *address) {
  std::lock_guard<std::mutex> lock(guard);
  if (!pinned_memory.erase((Address)address)) return INVALID;
  free(address);
  return OK;
}
Result cuMemcpyHtoD_v2(Address to, const void *from, size_t size) {
  if (!current || !holds(device_memory, to, size)) return INVALID;
  std::vector<char> staged((const char *)from, (const char *)from + size);
  queue(&default_stream, [=] { memcpy((void *)to, staged.data(), size); });
  return OK;
}
Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t size, Stream *stream) {
  if (!current || !stream || !holds(device_memory, to, size)) return INVALID;
  if (!holds(pinned_memory, (Address)from, size)) return INVALID;
  queue(stream, [=] { memcpy((void *)to, from, size); });
  return OK;
}
Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t size, Stream *stream) {
  if (!current || !stream || !holds(device_memory, from, size)) return INVALID;
  if (!holds(pinned_memory, (Address)to, size)) return INVALID;
  queue(stream, [=] { memcpy(to, (void *)from, size); });
  return OK;
}
Result cuStreamCreate(Stream **stream, unsigned flags) {
  *stream = new Stream();
  streams_open++;
  return flags == 1 && current ? OK : INVALID;
}
Result cuStreamDestroy_v2(Stream *stream) { streams_open--; delete stream; return OK; }
Result cuStreamSynchronize(Stream *stream) {
  if (!current) return NO_CONTEXT;
  carry_out(stream ? *stream : default_stream);
  return OK;
}
Result cuEventCreate(Event **event, unsigned flags) {
  *event = new Event();
  events_open++;
  return flags == 3 && current ? OK : INVALID;
}
Result cuEventDestroy_v2(Event *event) { events_open--; delete event; return OK; }
Result cuEventRecord(Event *event, Stream *stream) {
  if (!event || !stream || !current) return INVALID;
  event->stream = stream;
  return OK;
}
Result cuEventSynchronize(Event *event) {
  if (!event || !current) return INVALID;
  if (int wait = number("FAKE_CUDA_WAIT_MS", 0)) std::this_thread::sleep_for(std::chrono::milliseconds(wait));
  if (event->stream) carry_out(*event->stream);
  return OK;
}
// A "module" is the path of block.cu as a library.
Result cuModuleLoadData(void **module, const void *image) {
  if (number("FAKE_CUDA_VERSION", 13000) < 13000) return INVALID_IMAGE;
  *module = dlopen((const char *)image, RTLD_NOW | RTLD_LOCAL);
  if (!*module) fprintf(stderr, "%s\n", dlerror());
  modules_open++;
  return *module && current ? OK : INVALID;
}
Result cuModuleUnload(void *) { modules_open--; return OK; }
Result cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = dlsym(module, name);
  return *function ? OK : NOT_FOUND;
}
Result cuFuncSetAttribute(void *function, int attribute, int value) {
  if (attribute == 9) return value == 100 ? OK : INVALID;  // PREFERRED_SHARED_MEMORY_CARVEOUT
  if (attribute != 8) return INVALID;
  std::lock_guard<std::mutex> lock(guard);
  most_shared[function] = value;
  return OK;
}
Result cuFuncGetAttribute(int *value, int attribute, void *) {
  *value = attribute == 4 ? 168 : 0;  // NUM_REGS, LOCAL_SIZE_BYTES
  return attribute == 4 || attribute == 3 ? OK : INVALID;
}
Result cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned by, unsigned bz,
                      unsigned shared, Stream *stream, void **arguments, void **extra) {
  if (!current || !stream || extra || y != 1 || z != 1 || by != 1 || bz != 1) return INVALID;
  {
    std::lock_guard<std::mutex> lock(guard);
    if (threads != 384 || shared > most_shared[function] || !shared) return INVALID;
  }
  Dl_info info;
  if (!dladdr(function, &info)) return INVALID;
  const bool trains = !strcmp(info.dli_sname, "train_run");
  // A launch has a copy of its argument, which may be gone when it is carried out.
  void *self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  const int *size = (const int *)dlsym(self, trains ? "run_bytes" : "judged_bytes");
  if (!size) return NOT_FOUND;
  auto argument = std::make_shared<std::vector<char>>((char *)arguments[0], (char *)arguments[0] + *size);
  queue(stream, [=] {
    if (trains)
      ((void (*)(void *, int, int))function)(argument->data(), 1, 0);
    else
      ((void (*)(void *, int, int, int))function)(argument->data(), x, 1, 0);
  });
  return OK;
}
Result cuGetErrorName(int, const char **text) { *text = "FAKE_ERROR"; return OK; }
Result cuGetErrorString(int, const char **text) { *text = "a fake error"; return OK; }
Result cuGetProcAddress_v2(const char *name, void **address, int, unsigned long long, int *) {
  const std::string versions[] = {std::string(name) + "_v2", name};
  *address = nullptr;
  Dl_info info;
  dladdr((void *)&cuInit, &info);
  void *self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  for (auto &version : versions)
    if (void *found = dlsym(self, version.c_str())) { *address = found; return OK; }
  return NOT_FOUND;
}
// What is still held, for the tests.
int fake_cuda_left() { return (int)device_memory.size() + (int)pinned_memory.size() + streams_open + events_open + modules_open; }
}
