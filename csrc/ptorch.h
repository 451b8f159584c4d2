/* ptorch: running graph programs on LibTorch through a C interface.
 *
 * A program is handed over once, as a flat list of instructions, and then runs
 * in one call. The shim knows operations and nothing of what they are for.
 * Networks of other programs come as files in TorchScript.
 *
 * Every function that can fail returns 0 or 1 and writes the reason, ended by
 * a zero byte, into err (at most size bytes). No exception leaves it. A handle
 * is one pointer with one owner; freeing NULL is harmless. A session must be
 * freed after its programs, and serves one thread at a time.
 */
#ifndef PTORCH_H
#define PTORCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever anything below changes its meaning. */
#define PTORCH_ABI 4

/* Element types. No program has int64; bfloat16 is only within one. */
enum { PTORCH_FLOAT32, PTORCH_FLOAT64, PTORCH_INT32, PTORCH_INT64, PTORCH_BFLOAT16 };

/* Operations; the integer and real attributes are named where there are any.
 * What each computes is said in package graph. */
enum {
  PTORCH_INPUT, /* ints: number of the feed */
  PTORCH_STATE, /* ints: number of the state */
  PTORCH_CONST, /* reals: the elements */
  PTORCH_ADD,
  PTORCH_SUB,
  PTORCH_MUL,
  PTORCH_DIV,
  PTORCH_NEG,
  PTORCH_EXP,
  PTORCH_LOG,
  PTORCH_SQRT,
  PTORCH_SIN,
  PTORCH_COS,
  PTORCH_TANH,
  PTORCH_SIGMOID,
  PTORCH_SOFTPLUS,
  PTORCH_RELU,
  PTORCH_RELU_GRAD,
  PTORCH_ROUND,
  PTORCH_MATMUL, /* ints: 1 where the first, the second factor is transposed */
  PTORCH_CONV,
  PTORCH_CONV_GRAD_INPUT,
  PTORCH_CONV_GRAD_KERNEL,
  PTORCH_BIAS_ADD,
  PTORCH_MAX_POOL,
  PTORCH_MAX_POOL_GRAD,
  PTORCH_UPSAMPLE,
  PTORCH_UPSAMPLE_GRAD,
  PTORCH_SUM, /* ints: the axes */
  PTORCH_BROADCAST,
  PTORCH_RESHAPE,
  PTORCH_TRANSPOSE, /* ints: the permutation */
  PTORCH_SLICE,     /* ints: the first index of each axis */
  PTORCH_PAD,       /* ints: the zeros before each axis */
  PTORCH_CONCAT,    /* ints: the axis */
  PTORCH_GATHER,
  PTORCH_FFT2,
  PTORCH_IFFT2,
  PTORCH_CAST,
  PTORCH_ASSIGN, /* ints: number of the state */
  PTORCH_ADAM,   /* ints: numbers of w, m, v; reals: beta1, beta2, epsilon */
  PTORCH_OP_COUNT
};

typedef struct ptorch_session ptorch_session;
typedef struct ptorch_program ptorch_program;
typedef struct ptorch_values ptorch_values;
typedef struct ptorch_script ptorch_script;

/* A recorder keeps what a device is given to do, so that all of it can be given
 * again in one call, with the same memory: a CUDA graph. The shim calls it with
 * the session's stream as the current one. */
typedef struct ptorch_recorder {
  int abi;               /* PTORCH_ABI */
  const char *built_for; /* version of LibTorch */
  int warm_up;           /* runs of a program before it is recorded */
  /* Records what work(context) gives to the device, and lets it do none of
   * it. The recording is one pointer, which drop frees. */
  int (*record)(void **recording, int (*work)(void *context, char *err, size_t size), void *context, char *err, size_t size);
  int (*replay)(void *recording, char *err, size_t size);
  void (*drop)(void *recording);
} ptorch_recorder;

/* That of libptorch_cuda.so, a library of its own, which needs CUDA's half of
 * LibTorch. */
const ptorch_recorder *ptorch_cuda_recorder(void);

/* The number PTORCH_ABI that the library was built with. */
int ptorch_abi(void);
/* The version of LibTorch that the library was built for, such as 2.15.0. */
const char *ptorch_built_for(void);
/* Writes the version of the LibTorch that is loaded. */
int ptorch_version(char *version, size_t version_size, char *err, size_t size);
/* Handles of any kind that are not yet freed. */
int64_t ptorch_live_handles(void);
/* Lets malloc keep what is freed, in the whole process: a training step frees
 * and takes the same blocks again. */
void ptorch_keep_memory(void);

/* Initialises CUDA and counts its devices. CUDA's half of LibTorch must be open:
 * before anything else here was called, else LibTorch never finds it. */
int ptorch_cuda_count(int *count, char *err, size_t size);
/* The largest number of bytes that this process has had of a device at once. */
int ptorch_cuda_peak(int device, int64_t *bytes, char *err, size_t size);

/* threads: those of one operation, in every run of the session. */
int ptorch_session_new(ptorch_session **out, int threads, char *err, size_t size);
/* Moves a session that has no states and programs yet to a device of CUDA, and
 * onto a stream of its own there. tf32: factors may be rounded to 10 bits;
 * deterministic: the same numbers at every run, and no trying of kernels. Both
 * are switches of the process, set again in every run of the session that is
 * not replayed. */
int ptorch_session_cuda(ptorch_session *s, int device, int tf32, int deterministic, char *err, size_t size);
/* Lets programs that are made later be recorded after some runs, by a recorder
 * that must outlive the session. */
void ptorch_session_record(ptorch_session *s, const ptorch_recorder *recorder);
void ptorch_session_free(ptorch_session *s);
/* Declares a state; the first one gets the number 0. It has no value yet. */
int ptorch_state_declare(ptorch_session *s, int dtype, int rank, const int64_t *shape, char *err, size_t size);
/* Copies row-major host memory into a state, or a state into it. */
int ptorch_state_write(ptorch_session *s, int state, const void *data, char *err, size_t size);
int ptorch_state_read(ptorch_session *s, int state, void *data, char *err, size_t size);

/* Makes a program from two streams. The instructions stand one after the other
 * in code, each as
 *   operation, type, rank, shape…, count, inputs…, count, ints…, count of reals
 * where inputs are numbers of earlier instructions; the reals of all of them
 * stand one after the other in reals. outputs are numbers of instructions.
 * Instructions that change states must come last. */
int ptorch_program_new(ptorch_program **out, ptorch_session *s, const int64_t *code, size_t code_length, const double *reals,
                       size_t reals_length, const int64_t *outputs, size_t output_count, char *err, size_t size);
void ptorch_program_free(ptorch_program *p);
/* Says whether a program is recorded (1) or not (0), and in the latter case why
 * not: an empty note where it has not been tried. */
int ptorch_program_recorded(const ptorch_program *p, char *note, size_t size);
/* Runs a program. feeds and outputs point to row-major host memory of the
 * declared types and shapes; nothing of it is kept. */
int ptorch_run(ptorch_program *p, const void *const *feeds, void *const *outputs, char *err, size_t size);

/* A list of tensors with names, which goes into a script or comes out of it. */
int ptorch_values_new(ptorch_values **out, char *err, size_t size);
void ptorch_values_free(ptorch_values *v);
/* Copies row-major host memory into a tensor at the end of the list. */
int ptorch_values_add(ptorch_values *v, const char *name, int dtype, int rank, const int64_t *shape, const void *data, char *err,
                      size_t size);
int ptorch_values_count(const ptorch_values *v);
/* Tells of a tensor, the first is 0. name and shape stay with the list. */
int ptorch_values_about(const ptorch_values *v, int number, const char **name, int *dtype, int *rank, const int64_t **shape, char *err,
                        size_t size);
/* Copies a tensor into row-major host memory. */
int ptorch_values_read(const ptorch_values *v, int number, void *data, char *err, size_t size);

/* Loads a TorchScript file onto the CPU and sets it to inference. threads:
 * those of one operation, in every run. */
int ptorch_script_new(ptorch_script **out, const char *path, int threads, char *err, size_t size);
void ptorch_script_free(ptorch_script *s);
/* The arguments of forward, in their order. A name stays with the script;
 * optional is 1 where the argument may be left out. */
int ptorch_script_input_count(const ptorch_script *s);
int ptorch_script_input(const ptorch_script *s, int number, const char **name, int *optional, char *err, size_t size);
/* Runs forward with the inputs by their names and gives a list of results,
 * which the caller frees. forward returns a tensor, or a tuple, list or
 * dictionary of such: tensors of a tuple or list are named out.0, out.1 … (a
 * single one out.0), those of a dictionary by their keys, inner ones with a dot
 * between. A complex tensor comes as pairs (re, im) along one more, last axis. */
int ptorch_script_run(ptorch_script *s, const ptorch_values *inputs, ptorch_values **results, char *err, size_t size);

#ifdef __cplusplus
}
#endif
#endif
