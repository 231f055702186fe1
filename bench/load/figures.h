/* Histograms, and what /proc says of the server. */
#ifndef FIGURES_H
#define FIGURES_H

#include "clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SUB_BITS 7 /* buckets per octave as a power of two: values are right to 0.8 % */
#define BUCKETS ((65 - SUB_BITS) << SUB_BITS)

typedef struct {
    uint64_t counts[BUCKETS];
    uint64_t count;
    nanos highest;
    double sum;
} Histogram;

void histogram_note(Histogram *histogram, nanos value);
/* As a JSON object, in milliseconds; with `shape` also its buckets as [[upper bound, count], …]. */
void histogram_print(FILE *out, const Histogram *histogram, bool shape);

#define MAX_WATCHED 64

typedef struct {
    double cpu;      /* seconds of user and system time, of all threads */
    uint64_t rss_kb; /* resident */
    uint64_t pss_kb; /* resident, shared pages divided; 0 where the system does not tell */
} Usage;

/* Of the server's processes together. `memory` costs the server a moment: not while measuring. */
Usage usage_of(const int *pids, unsigned count, bool memory);
double own_cpu(void);

#endif
