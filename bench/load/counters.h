/* What is counted, and in which phase. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "figures.h"
#include "order.h"

typedef enum { LINKING, STARTING, WARMING, MEASURING, DRAINING } Phase;

typedef struct {
    Histogram delay, first_byte, first_chunk, answer, probe, late, relink;
    Faults events, acknowledgements;
    uint64_t chunks, all_chunks, all_answers;
    uint64_t answers, apologies, refused, strays, links_lost, link_retries, surprises, unfinished;
    uint64_t readers_reopened, model_connections, model_requests;
    char surprise[200];
} Report;

extern Report report;
extern Phase phase;
extern nanos origin; /* of the times that chunks carry */
extern unsigned linked_count, greeted_count;

bool is_measuring(void);
/* Something that no server should do; the first one is kept for the report. */
void note_surprise(const char *what, const char *data, size_t size);

#endif
