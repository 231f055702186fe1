/* The result as one JSON object. */
#ifndef REPORT_H
#define REPORT_H

#include "figures.h"

/* When what happened, and what the server had used by then. */
typedef struct {
    nanos started_at, linked_at, measured_from, measured_until;
    Usage first, linked, before, after, last;
    double own_before, own_after; /* seconds of the generator's own CPU */
} Run;

void report_print(const Run *run);

#endif
