// A recorder for the CPU: it keeps the work and does it again. What it is
// called for goes into the file RECORDER_LOG; RECORDER says what goes wrong.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptorch.h"

typedef struct {
  int (*work)(void *context, char *err, size_t size);
  void *context;
} recording;

static void note(const char *what) {
  FILE *log = fopen(getenv("RECORDER_LOG"), "a");
  if (!log) return;
  fprintf(log, "%s\n", what);
  fclose(log);
}

static int fails(const char *what, char *err, size_t size) {
  const char *fault = getenv("RECORDER");
  note(what);
  if (!fault || strcmp(fault, what) != 0) return 0;
  snprintf(err, size, "operation not permitted when stream is capturing");
  return 1;
}

static int record(void **out, int (*work)(void *, char *, size_t), void *context, char *err, size_t size) {
  if (fails("record", err, size)) return 1;
  recording *r = malloc(sizeof(*r));
  r->work = work;
  r->context = context;
  *out = r;
  return 0;
}

static int replay(void *of, char *err, size_t size) {
  recording *r = of;
  return fails("replay", err, size) || r->work(r->context, err, size);
}

static void drop(void *of) {
  note("drop");
  free(of);
}

#ifndef WARM_UP
#define WARM_UP 0
#endif
#ifndef VERSION
#define VERSION "0"
#endif
#ifndef ABI
#define ABI PTORCH_ABI
#endif

static const ptorch_recorder recorder = {ABI, VERSION, WARM_UP, record, replay, drop};

const ptorch_recorder *ptorch_cuda_recorder(void) { return &recorder; }
