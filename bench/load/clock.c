/* The one clock. */
#include "clock.h"

#include <time.h>

nanos clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (nanos)now.tv_sec * SECOND + (nanos)now.tv_nsec;
}

nanos to_nanos(double seconds) { return (nanos)(seconds * 1e9); }
