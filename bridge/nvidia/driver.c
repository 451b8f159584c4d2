#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>

static int (*init)(unsigned), (*count)(int *), (*words)(int, const char **);
static int (*get)(int *, int), (*name_of)(char *, int, int), (*memory_of)(size_t *, int);

static int find(void *driver, char *err, size_t size) {
  const struct {
    void *to;
    const char *name;
  } all[] = {{&init, "cuInit"}, {&count, "cuDeviceGetCount"}, {&words, "cuGetErrorString"},
             {&get, "cuDeviceGet"}, {&name_of, "cuDeviceGetName"}, {&memory_of, "cuDeviceTotalMem_v2"}};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    *(void **)all[i].to = dlsym(driver, all[i].name);
    if (!*(void **)all[i].to) {
      snprintf(err, size, "the NVIDIA driver has no function %s", all[i].name);
      return 0;
    }
  }
  return 1;
}

static int failed(int code, char *err, size_t size) {
  const char *text = NULL;
  if (words(code, &text) != 0 || !text) text = "no words for it";
  snprintf(err, size, "the NVIDIA driver says: %s (%d)", text, code);
  return -1;
}

int nv_open(char *err, size_t size) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  int code, n = 0;
  if (!driver) {
    snprintf(err, size, "there is no NVIDIA driver: %s", dlerror());
    return -1;
  }
  if (!find(driver, err, size)) return -1;
  if ((code = init(0)) != 0 || (code = count(&n)) != 0) return failed(code, err, size);
  if (n == 0) {
    snprintf(err, size, "the NVIDIA driver shows no GPU to this process");
    return -1;
  }
  return n;
}

int nv_about(int device, char *name, int name_size, size_t *bytes) {
  int handle, code;
  if ((code = get(&handle, device)) != 0 || (code = name_of(name, name_size, handle)) != 0) return code;
  return memory_of(bytes, handle);
}
