// The part of CUDA's driver that driver.py calls, on the CPU: a GPU's memory is the host's, a kernel is block.cu as C++.
// cuda-bindings finds it as libcuda.so.1. What driver.py must keep to is checked here: calls that it may not make fail.
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

typedef int Result;
enum { OK = 0, INVALID = 1, NO_CONTEXT = 201, NOT_FOUND = 500 };
static std::mutex guard;
static std::map<unsigned long long, size_t> device_memory, pinned_memory;
static thread_local void *current = nullptr;
static int context_tag, streams_open = 0, events_open = 0, modules_open = 0;
static size_t most_shared = 0;

static bool holds(std::map<unsigned long long, size_t> &memory, unsigned long long at, size_t size) {
  std::lock_guard<std::mutex> lock(guard);
  auto after = memory.upper_bound(at);
  if (after == memory.begin()) return false;
  auto found = std::prev(after);
  return at + size <= found->first + found->second;
}

extern "C" {
Result cuInit(unsigned) { return OK; }
Result cuDriverGetVersion(int *version) { *version = 13000; return OK; }
Result cuDeviceGetCount(int *count) { *count = 1; return OK; }
Result cuDeviceGet(int *device, int number) { *device = number; return number == 0 ? OK : INVALID; }
Result cuDeviceGetName(char *name, int length, int) { snprintf(name, length, "Fake card"); return OK; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
  switch (attribute) {
    case 16: *value = 3; return OK;            // MULTIPROCESSOR_COUNT
    case 97: *value = 227 * 1024; return OK;   // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    case 75: *value = 9; return OK;            // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = 0; return OK;            // COMPUTE_CAPABILITY_MINOR
  }
  return INVALID;
}
Result cuDevicePrimaryCtxRetain(void **context, int) { *context = &context_tag; return OK; }
Result cuDevicePrimaryCtxRelease_v2(int) { return OK; }
Result cuCtxSetCurrent(void *context) { current = context; return OK; }
Result cuMemAlloc_v2(unsigned long long *address, size_t size) {
  if (!current) return NO_CONTEXT;
  *address = (unsigned long long)calloc(1, size);
  memset((void *)*address, 0xFF, size);
  std::lock_guard<std::mutex> lock(guard);
  device_memory[*address] = size;
  return OK;
}
Result cuMemFree_v2(unsigned long long address) {
  std::lock_guard<std::mutex> lock(guard);
  if (!device_memory.erase(address)) return INVALID;
  free((void *)address);
  return OK;
}
Result cuMemHostAlloc(void **address, size_t size, unsigned) {
  if (!current) return NO_CONTEXT;
  *address = calloc(1, size);
  std::lock_guard<std::mutex> lock(guard);
  pinned_memory[(unsigned long long)*address] = size;
  return OK;
}
Result cuMemFreeHost(void *address) {
  std::lock_guard<std::mutex> lock(guard);
  if (!pinned_memory.erase((unsigned long long)address)) return INVALID;
  free(address);
  return OK;
}
Result cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t size) {
  if (!current || !holds(device_memory, to, size)) return INVALID;
  memcpy((void *)to, from, size);
  return OK;
}
Result cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t size, void *stream) {
  if (!current || !stream || !holds(device_memory, to, size)) return INVALID;
  if (!holds(pinned_memory, (unsigned long long)from, size)) return INVALID;
  memcpy((void *)to, from, size);
  return OK;
}
Result cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t size, void *stream) {
  if (!current || !stream || !holds(device_memory, from, size)) return INVALID;
  if (!holds(pinned_memory, (unsigned long long)to, size)) return INVALID;
  memcpy(to, (void *)from, size);
  return OK;
}
Result cuStreamCreate(void **stream, unsigned flags) { *stream = &streams_open; streams_open++; return flags == 1 && current ? OK : INVALID; }
Result cuStreamDestroy_v2(void *) { streams_open--; return OK; }
Result cuEventCreate(void **event, unsigned flags) { *event = &events_open; events_open++; return flags == 3 && current ? OK : INVALID; }
Result cuEventDestroy_v2(void *) { events_open--; return OK; }
Result cuEventRecord(void *event, void *stream) { return event && stream && current ? OK : INVALID; }
Result cuEventSynchronize(void *event) {
  const char *wait = getenv("FAKE_CUDA_WAIT_MS");
  if (wait) std::this_thread::sleep_for(std::chrono::milliseconds(atoi(wait)));
  return event && current ? OK : INVALID;
}
// A "module" is the path of block.cu as a library.
Result cuModuleLoadData(void **module, const void *image) {
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
Result cuFuncSetAttribute(void *, int attribute, int value) {
  if (attribute != 8) return INVALID;
  most_shared = value;
  return OK;
}
Result cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **arguments, void **extra) {
  if (!current || !stream || extra || y != 1 || z != 1 || by != 1 || bz != 1) return INVALID;
  if (threads != 384 || shared > most_shared || !shared) return INVALID;
  Dl_info info;
  if (!dladdr(function, &info)) return INVALID;
  if (!strcmp(info.dli_sname, "train_run"))
    ((void (*)(void *, int, int))function)(arguments[0], 1, 0);
  else
    ((void (*)(void *, int, int, int))function)(arguments[0], x, 1, 0);
  return OK;
}
Result cuGetErrorName(int, const char **text) { *text = "FAKE_ERROR"; return OK; }
Result cuGetErrorString(int, const char **text) { *text = "a fake error"; return OK; }
Result cuGetProcAddress_v2(const char *name, void **address, int, unsigned long long, int *) {
  const std::string versions[] = {std::string(name) + "_v2", name};
  *address = nullptr;
  for (auto &version : versions)
    if (void *found = dlsym(RTLD_DEFAULT, version.c_str())) { *address = found; return OK; }
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
