/* One HTTP connection that is kept, and the server-sent events on it. */
#ifndef READER_H
#define READER_H

#include "connection.h"

#include <stdint.h>

typedef struct Reader Reader;

/* What becomes of what a reader hears; a Reader is the first member of what it belongs to. */
typedef struct {
    void (*begun)(Reader *reader, nanos now); /* a response; said again with each piece of it */
    void (*event)(Reader *reader, const char *event, size_t size, nanos now);
    void (*ended)(Reader *reader, nanos now); /* a response that was no refusal */
    void (*lost)(Reader *reader);
} Hearing;

struct Reader {
    Connection connection;
    const Hearing *hearing;
    bool has_head, is_chunked, is_unframed;
    bool is_gone; /* its `done` has come */
    int status;
    uint64_t body_left; /* of the current chunk or of the whole body */
    bool in_trailer;
    Buffer event; /* the beginning of an event whose end has not come */
};

void reader_open(Reader *reader);
void reader_ask(Reader *reader, const char *request, size_t size);

#endif
