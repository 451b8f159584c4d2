//go:build torch && cgo

#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

// One pointer for each function of the shim, with the type that the shim's own
// header gives it.
#define FUNCTIONS(X) \
  X(abi) X(built_for) X(version) X(live_handles) X(keep_memory) X(cuda_count) X(cuda_peak) X(session_new) X(session_cuda) \
  X(session_record) X(session_free) X(state_declare) X(state_write) X(state_read) \
  X(program_new) X(program_free) X(program_recorded) X(run) X(values_new) X(values_free) X(values_add) X(values_count) X(values_about) X(values_read) \
  X(script_new) X(script_free) X(script_input_count) X(script_input) X(script_run)
#define POINTER(name) static __typeof__(ptorch_##name) *p_##name;
FUNCTIONS(POINTER)

void *pt_open(const char *path, char *err, size_t size) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) snprintf(err, size, "%s", dlerror());
  return handle;
}

int pt_bind(void *shim, char *err, size_t size) {
#define FIND(name) \
  p_##name = dlsym(shim, "ptorch_" #name); \
  if (!p_##name) { \
    snprintf(err, size, "it has no function ptorch_%s", #name); \
    return 1; \
  }
  FUNCTIONS(FIND)
  return 0;
}

const ptorch_recorder *pt_recorder(void *library) {
  __typeof__(ptorch_cuda_recorder) *get = dlsym(library, "ptorch_cuda_recorder");
  return get ? get() : NULL;
}

void pt_setenv(const char *name, const char *value) { setenv(name, value, 0); }

int pt_abi(void) { return p_abi(); }
const char *pt_built_for(void) { return p_built_for(); }
int pt_version(char *version, size_t version_size, char *err, size_t size) { return p_version(version, version_size, err, size); }
int64_t pt_live_handles(void) { return p_live_handles(); }
void pt_keep_memory(void) { p_keep_memory(); }
int pt_cuda_count(int *count, char *err, size_t size) { return p_cuda_count(count, err, size); }
int pt_cuda_peak(int device, int64_t *bytes, char *err, size_t size) { return p_cuda_peak(device, bytes, err, size); }
int pt_session_new(ptorch_session **out, int threads, char *err, size_t size) { return p_session_new(out, threads, err, size); }
int pt_session_cuda(ptorch_session *s, int device, int tf32, int deterministic, char *err, size_t size) {
  return p_session_cuda(s, device, tf32, deterministic, err, size);
}
void pt_session_record(ptorch_session *s, const ptorch_recorder *recorder) { p_session_record(s, recorder); }
void pt_session_free(ptorch_session *s) { p_session_free(s); }
int pt_state_declare(ptorch_session *s, int dtype, int rank, const int64_t *shape, char *err, size_t size) {
  return p_state_declare(s, dtype, rank, shape, err, size);
}
int pt_state_write(ptorch_session *s, int state, const void *data, char *err, size_t size) { return p_state_write(s, state, data, err, size); }
int pt_state_read(ptorch_session *s, int state, void *data, char *err, size_t size) { return p_state_read(s, state, data, err, size); }
int pt_program_new(ptorch_program **out, ptorch_session *s, const int64_t *code, size_t code_length, const double *reals,
                   size_t reals_length, const int64_t *outputs, size_t output_count, char *err, size_t size) {
  return p_program_new(out, s, code, code_length, reals, reals_length, outputs, output_count, err, size);
}
void pt_program_free(ptorch_program *p) { p_program_free(p); }
int pt_program_recorded(const ptorch_program *p, char *note, size_t size) { return p_program_recorded(p, note, size); }
int pt_run(ptorch_program *p, const void *const *feeds, void *const *outputs, char *err, size_t size) {
  return p_run(p, feeds, outputs, err, size);
}
int pt_values_new(ptorch_values **out, char *err, size_t size) { return p_values_new(out, err, size); }
void pt_values_free(ptorch_values *v) { p_values_free(v); }
int pt_values_add(ptorch_values *v, const char *name, int dtype, int rank, const int64_t *shape, const void *data, char *err, size_t size) {
  return p_values_add(v, name, dtype, rank, shape, data, err, size);
}
int pt_values_count(const ptorch_values *v) { return p_values_count(v); }
int pt_values_about(const ptorch_values *v, int number, const char **name, int *dtype, int *rank, const int64_t **shape, char *err,
                    size_t size) {
  return p_values_about(v, number, name, dtype, rank, shape, err, size);
}
int pt_values_read(const ptorch_values *v, int number, void *data, char *err, size_t size) { return p_values_read(v, number, data, err, size); }
int pt_script_new(ptorch_script **out, const char *path, int threads, char *err, size_t size) {
  return p_script_new(out, path, threads, err, size);
}
void pt_script_free(ptorch_script *s) { p_script_free(s); }
int pt_script_input_count(const ptorch_script *s) { return p_script_input_count(s); }
int pt_script_input(const ptorch_script *s, int number, const char **name, int *optional, char *err, size_t size) {
  return p_script_input(s, number, name, optional, err, size);
}
int pt_script_run(ptorch_script *s, const ptorch_values *inputs, ptorch_values **results, char *err, size_t size) {
  return p_script_run(s, inputs, results, err, size);
}
