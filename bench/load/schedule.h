/* Who has something to do when: a heap. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "clock.h"

/* A place in the schedule; in what it belongs to it can be anywhere. */
typedef struct {
    nanos at; /* NEVER, or when there is something to do */
    unsigned place;
} Due;

void schedule_begin(unsigned room);
void schedule_add(Due *due, nanos at);
void schedule_set(Due *due, nanos at);
/* Who is next; NULL where there is nobody. */
Due *schedule_first(void);

#endif
