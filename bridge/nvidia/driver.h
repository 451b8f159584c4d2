// Calls into the NVIDIA driver, libcuda.so.1, which is opened at run time.
#include <stddef.h>

// nv_open opens the driver and gives the number of its devices; -1 and why in
// err where there is no driver or it finds none.
int nv_open(char *err, size_t size);
// nv_about tells of a device; not 0 where the driver does not.
int nv_about(int device, char *name, int name_size, size_t *bytes);
