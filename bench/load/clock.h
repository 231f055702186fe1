/* One clock for everything: a delay is the difference of two of its readings. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

typedef uint64_t nanos; /* CLOCK_MONOTONIC */

#define SECOND 1000000000ULL
#define NEVER UINT64_MAX

nanos clock_now(void);
/* A span of the command line, as nanoseconds. */
nanos to_nanos(double seconds);

static inline nanos earliest(nanos a, nanos b) { return a < b ? a : b; }

#endif
