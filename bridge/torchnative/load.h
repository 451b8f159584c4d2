// Calls into the shim libptorch.so, which is opened at run time. Each function
// pt_x passes its arguments on to ptorch_x.
#include "ptorch.h"

// pt_open opens a library and keeps it open; NULL and the loader's words in
// err where that fails.
void *pt_open(const char *path, char *err, size_t size);
// pt_bind finds the functions of the shim; it fails with the name of the first
// one that is missing.
int pt_bind(void *shim, char *err, size_t size);
// pt_recorder gives the recorder of libptorch_cuda.so; NULL where it has none.
const ptorch_recorder *pt_recorder(void *library);
void pt_setenv(const char *name, const char *value);

int pt_abi(void);
const char *pt_built_for(void);
int pt_version(char *version, size_t version_size, char *err, size_t size);
int64_t pt_live_handles(void);
void pt_keep_memory(void);
int pt_cuda_count(int *count, char *err, size_t size);
int pt_cuda_peak(int device, int64_t *bytes, char *err, size_t size);
int pt_session_new(ptorch_session **out, int threads, char *err, size_t size);
int pt_session_cuda(ptorch_session *s, int device, int tf32, int deterministic, char *err, size_t size);
void pt_session_record(ptorch_session *s, const ptorch_recorder *recorder);
void pt_session_free(ptorch_session *s);
int pt_state_declare(ptorch_session *s, int dtype, int rank, const int64_t *shape, char *err, size_t size);
int pt_state_write(ptorch_session *s, int state, const void *data, char *err, size_t size);
int pt_state_read(ptorch_session *s, int state, void *data, char *err, size_t size);
int pt_program_new(ptorch_program **out, ptorch_session *s, const int64_t *code, size_t code_length, const double *reals,
                   size_t reals_length, const int64_t *outputs, size_t output_count, char *err, size_t size);
void pt_program_free(ptorch_program *p);
int pt_program_recorded(const ptorch_program *p, char *note, size_t size);
int pt_run(ptorch_program *p, const void *const *feeds, void *const *outputs, char *err, size_t size);

int pt_values_new(ptorch_values **out, char *err, size_t size);
void pt_values_free(ptorch_values *v);
int pt_values_add(ptorch_values *v, const char *name, int dtype, int rank, const int64_t *shape, const void *data, char *err, size_t size);
int pt_values_count(const ptorch_values *v);
int pt_values_about(const ptorch_values *v, int number, const char **name, int *dtype, int *rank, const int64_t **shape, char *err,
                    size_t size);
int pt_values_read(const ptorch_values *v, int number, void *data, char *err, size_t size);
int pt_script_new(ptorch_script **out, const char *path, int threads, char *err, size_t size);
void pt_script_free(ptorch_script *s);
int pt_script_input_count(const ptorch_script *s);
int pt_script_input(const ptorch_script *s, int number, const char **name, int *optional, char *err, size_t size);
int pt_script_run(ptorch_script *s, const ptorch_values *inputs, ptorch_values **results, char *err, size_t size);
