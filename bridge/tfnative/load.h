// Opening libraries and the environment, for load.go.
#ifndef TFNATIVE_LOAD_H_
#define TFNATIVE_LOAD_H_

#include <stddef.h>

// tfn_open opens a library and returns its handle, or NULL and the loader's
// words.
void *tfn_open(const char *path, char *err, size_t size);

// tfn_open_quietly is tfn_open without the line "oneDNN custom operations are
// on" and the one before it, which TensorFlow writes to stderr whatever the
// log level. Everything else written there meanwhile is passed on afterwards.
void *tfn_open_quietly(const char *path, char *err, size_t size);

// tfn_bind points graft's calls into an opened library. It returns NULL, or
// the name of a function that the library lacks.
const char *tfn_bind(void *library);

// tfn_setenv sets a variable of C's environment where it is not set.
void tfn_setenv(const char *name, const char *value);

#endif
