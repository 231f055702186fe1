/* Memory that is there, and the end of the program when something is not. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* Prints {"event":"failed","why":…} and exits with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* calloc and realloc that end the program when there is no memory. */
void *allocate(size_t count, size_t size);
void *reallocate(void *old, size_t size);

#endif
