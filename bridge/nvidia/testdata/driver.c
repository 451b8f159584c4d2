// A stand-in for libcuda.so.1: two devices, or an error, as DRIVER says.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is(const char *what) {
  const char *driver = getenv("DRIVER");
  return driver && strcmp(driver, what) == 0;
}

int cuInit(unsigned flags) { return flags == 0 && is("broken") ? 803 : 0; }
int cuGetErrorString(int code, const char **text) {
  *text = "system has unsupported display driver / cuda driver combination";
  return code != 803;
}
int cuDeviceGetCount(int *n) {
  *n = is("empty") ? 0 : 2;
  return 0;
}
int cuDeviceGet(int *handle, int device) {
  *handle = 40 + device;
  return is("silent") && device == 1;
}
int cuDeviceGetName(char *name, int size, int handle) { return snprintf(name, (size_t)size, "GPU %d", handle) < 0; }
#ifndef OLD
int cuDeviceTotalMem_v2(size_t *bytes, int handle) {
  *bytes = (size_t)handle << 30;
  return 0;
}
#endif
