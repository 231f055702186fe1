/* A turn that is replayed. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "clock.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    nanos at;
    uint32_t sequence;
    char *said;   /* escaped twice, as it goes out */
    size_t said_size;
    size_t until; /* where it ends in `expected`, of all sequences before it and this one */
} ScriptLine;

typedef struct {
    ScriptLine *lines;
    uint32_t count;
    char *expected; /* the whole text, escaped once */
    size_t expected_size;
    size_t *until; /* by sequence */
    char *total;   /* the whole text, escaped twice */
    char *hash;
    nanos end_at, summary_at;
} Script;

extern Script script;

void script_read(const char *path, Script *script);

#endif
