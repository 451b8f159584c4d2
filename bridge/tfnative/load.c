//go:build cgo && !notensorflow

#define _GNU_SOURCE
#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// In libtensorflow.a, see build/tfstub.
extern const char *ptycho_tf_bind(void *library);

const char *tfn_bind(void *library) { return ptycho_tf_bind(library); }

void tfn_setenv(const char *name, const char *value) { setenv(name, value, 0); }

void *tfn_open(const char *path, char *err, size_t size) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) snprintf(err, size, "%s", dlerror());
  return handle;
}

// pass_on writes what stands in a file to fd, but for the lines of chatter.
static void pass_on(int file, int fd) {
  FILE *text = fdopen(file, "r");
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  if (!text) {
    close(file);
    return;
  }
  rewind(text);
  while ((length = getline(&line, &room, text)) > 0)
    if (!strstr(line, "before absl::InitializeLog()") && !strstr(line, "oneDNN custom operations are on"))
      if (write(fd, line, (size_t)length) < 0) break;
  free(line);
  fclose(text);
}

void *tfn_open_quietly(const char *path, char *err, size_t size) {
  int kept = dup(STDERR_FILENO), file = memfd_create("stderr", MFD_CLOEXEC);
  if (kept < 0 || file < 0 || dup2(file, STDERR_FILENO) < 0) {
    if (kept >= 0) close(kept);
    if (file >= 0) close(file);
    return tfn_open(path, err, size);
  }
  void *handle = tfn_open(path, err, size);
  dup2(kept, STDERR_FILENO);
  close(kept);
  pass_on(file, STDERR_FILENO);
  return handle;
}
