/* How late the server is with a plain request. */
#ifndef PROBE_H
#define PROBE_H

#include "clock.h"

/* Does nothing where no probe is wanted. */
void probe_open(void);
/* From now on, until the end, it asks at its pace. */
void probe_begin(nanos now);
void probe_end(void);
void probe_run(nanos now);
nanos probe_next_due(void);

#endif
