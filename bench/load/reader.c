/* HTTP and server-sent events, as a client reads them. */
#define _GNU_SOURCE
#include "reader.h"
#include "counters.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Payload of the body, in whatever pieces. */
static void take_payload(Reader *reader, const char *data, size_t size, nanos now) {
    reader->hearing->begun(reader, now);
    Buffer *held = &reader->event;
    if (buffer_size(held) > 0) {
        buffer_append(held, data, size);
        data = held->data + held->start;
        size = buffer_size(held);
    }
    const char *at = data, *end = data + size, *blank;
    while ((blank = memmem(at, (size_t)(end - at), "\n\n", 2)) != NULL) {
        reader->hearing->event(reader, at, (size_t)(blank - at), now);
        at = blank + 2;
    }
    if (buffer_size(held) > 0) {
        held->start += (size_t)(at - data);
        if (held->start == held->end)
            held->start = held->end = 0;
    } else if (at < end) {
        buffer_append(held, at, (size_t)(end - at));
    }
}

static const char *find_header(const char *head, size_t size, const char *name) {
    const char *end = head + size;
    size_t length = strlen(name);
    for (const char *at = memmem(head, size, "\r\n", 2); at != NULL && at < end;
         at = memmem(at, (size_t)(end - at), "\r\n", 2)) {
        at += 2;
        if ((size_t)(end - at) > length + 1 && strncasecmp(at, name, length) == 0 &&
            at[length] == ':') {
            at += length + 1;
            return at + strspn(at, " ");
        }
    }
    return NULL;
}

static void end_of_response(Reader *reader, nanos now) {
    reader->has_head = false;
    if (reader->status != 200)
        return;
    reader->hearing->ended(reader, now);
}

static size_t take_head(Reader *reader, const char *data, size_t size, nanos now) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head_size = (size_t)(end - data) + 4;
    reader->status = size > 12 ? atoi(data + 9) : 0;
    const char *coding = find_header(data, head_size, "transfer-encoding");
    const char *length = find_header(data, head_size, "content-length");
    reader->is_chunked = coding != NULL && strncasecmp(coding, "chunked", 7) == 0;
    reader->is_unframed = !reader->is_chunked && length == NULL;
    reader->body_left = length != NULL ? strtoull(length, NULL, 10) : 0;
    reader->in_trailer = false;
    reader->has_head = true;
    reader->is_gone = false;
    reader->event.start = reader->event.end = 0;
    if (reader->status != 200) {
        report.refused++;
        note_surprise("a refused question", data, size);
    }
    if (options.dialect == NCHAN)
        reader->hearing->begun(reader, now);
    return head_size;
}

/* One step through the body; returns the bytes that it took. */
static size_t take_body(Reader *reader, char *data, size_t size, nanos now) {
    if (reader->is_unframed) {
        take_payload(reader, data, size, now);
        return size;
    }
    if (reader->is_chunked && reader->body_left == 0) {
        char *line = memmem(data, size, "\r\n", 2);
        if (line == NULL)
            return 0;
        size_t taken = (size_t)(line - data) + 2;
        if (reader->in_trailer) { /* the blank line behind the last chunk */
            if (taken == 2)
                end_of_response(reader, now);
            return taken;
        }
        if (taken == 2)
            return taken; /* the line end of the chunk before */
        reader->body_left = strtoull(data, NULL, 16);
        reader->in_trailer = reader->body_left == 0;
        return taken;
    }
    size_t part = size < reader->body_left ? size : (size_t)reader->body_left;
    take_payload(reader, data, part, now);
    reader->body_left -= part;
    if (reader->body_left == 0 && !reader->is_chunked)
        end_of_response(reader, now);
    return part;
}

static size_t received(Connection *connection, char *data, size_t size, nanos now) {
    Reader *reader = (Reader *)connection;
    size_t at = 0;
    while (at < size) {
        size_t taken = reader->has_head ? take_body(reader, data + at, size - at, now)
                                        : take_head(reader, data + at, size - at, now);
        if (taken == 0)
            break;
        at += taken;
    }
    return at;
}

static void opened(Connection *connection) { (void)connection; }

static void lost(Connection *connection) {
    Reader *reader = (Reader *)connection;
    reader->has_head = false;
    reader->hearing->lost(reader);
}

static const Kind READER = {opened, received, lost};

void reader_open(Reader *reader) {
    reader->has_head = false;
    connection_open(&reader->connection, &READER, options.port);
}

void reader_ask(Reader *reader, const char *request, size_t size) {
    buffer_append(&reader->connection.out, request, size);
    connection_mark(&reader->connection);
}
