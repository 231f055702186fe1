/* A reader: one HTTP connection that is kept, a question, and the server-sent events of its answer. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char OFFLINE[] = "Bot 已离线";

static void greet(Reader *reader, nanos now) {
    Answer *answer = reader->answer;
    if (!answer->is_heard) {
        answer->is_heard = true;
        if (is_measuring())
            histogram_note(&report.first_byte, now - answer->asked_at);
    }
    if (!answer->has_greeted) {
        answer->has_greeted = true;
        greeted_count++;
    }
    if (options.dialect == NCHAN && answer->progress == ASKED)
        answer_begin(answer, now);
}

/* All stamps in an event: usually one, more where the server joins pieces. */
static unsigned read_stamps(Answer *answer, const char *at, size_t size, nanos now) {
    const char *end = at + size;
    unsigned count = 0;
    while ((at = memmem(at, (size_t)(end - at), STAMP_HEAD, sizeof STAMP_HEAD - 1)) != NULL) {
        at += sizeof STAMP_HEAD - 1;
        if ((size_t)(end - at) < STAMP_SIZE - (sizeof STAMP_HEAD - 1))
            break;
        uint32_t number = 0;
        uint64_t sent = 0;
        for (unsigned i = 0; i < STAMP_DIGITS; i++)
            number = number * 10 + (uint32_t)(at[i] - '0');
        at += STAMP_DIGITS + sizeof STAMP_TAIL - 1;
        for (unsigned i = 0; i < TIME_DIGITS; i++)
            sent = sent * 10 + (uint64_t)(at[i] - '0');
        at += TIME_DIGITS;
        answer_chunk(answer, number, origin + sent * 100, now);
        count++;
    }
    return count;
}

/* A piece of a replayed turn: the text has to go on where it stopped. */
static bool read_script(Answer *answer, const char *event, size_t size, nanos now) {
    static const char head[] = "\"answer_stream\":\"";
    const char *at = memmem(event, size, head, sizeof head - 1);
    if (at == NULL)
        return false;
    at += sizeof head - 1;
    const char *quote = at;
    while (quote < event + size && *quote != '"')
        quote += *quote == '\\' ? 2 : 1;
    size_t said = (size_t)(quote - at);
    if (said == 0)
        return false;
    if (said > script.expected_size - answer->text_read ||
        memcmp(at, script.expected + answer->text_read, said) != 0) {
        note_surprise("a replayed turn reads differently", event, size);
        return true;
    }
    answer->text_read += said;
    uint32_t number = answer->read.next;
    for (; number < script.count && script.until[number] <= answer->text_read; number++)
        answer_chunk(answer, number, answer->sent_at[number], now);
    return true;
}

static void note_apology(const char *event, size_t size) {
    if (options.offline && memmem(event, size, OFFLINE, sizeof OFFLINE - 1) != NULL)
        return;
    report.apologies++;
    note_surprise("an apology", event, size);
}

static void take_event(Reader *reader, const char *event, size_t size, nanos now) {
    Answer *answer = reader->answer;
    if (size > 0 && event[0] == ':')
        return; /* a comment */
    if (size >= 11 && memcmp(event, "event: done", 11) == 0) {
        if (reader->is_gone)
            note_surprise("done came twice", event, size);
        reader->is_gone = true;
        if (memmem(event, size, "answer_stream", 13) != NULL)
            note_surprise("done carries text", event, size);
        return;
    }
    if (options.dialect != NCHAN) {
        char id[40];
        int id_size = snprintf(id, sizeof id, "\"message_id\":\"m-%06u\"", answer->number);
        static const char spaced[] = "\"message_id\": \"m-";
        if (memmem(event, size, id, (size_t)id_size) == NULL &&
            memmem(event, size, spaced, sizeof spaced - 1) == NULL)
            note_surprise("an event of another question", event, size);
    }
    if (options.has_script ? read_script(answer, event, size, now)
                           : read_stamps(answer, event, size, now) > 0)
        return;
    if (memmem(event, size, "\"is_finish\":true", 16) != NULL ||
        memmem(event, size, "\"is_finish\": true", 17) != NULL) {
        if (answer->is_finished)
            note_surprise("finished twice", event, size);
        answer->is_finished = true;
        if (memmem(event, size, "\"answer_stream\":\"\"", 18) == NULL &&
            memmem(event, size, "\"answer_stream\": \"\"", 19) == NULL)
            note_apology(event, size);
        else if (options.offline)
            note_surprise("no text for an offline bot", event, size);
        return;
    }
    note_surprise("an event that says nothing", event, size);
}

/* Payload of the body, in whatever pieces. */
static void take_payload(Reader *reader, const char *data, size_t size, nanos now) {
    greet(reader, now);
    Buffer *held = &reader->event;
    if (buffer_size(held) > 0) {
        buffer_append(held, data, size);
        data = held->data + held->start;
        size = buffer_size(held);
    }
    const char *at = data, *end = data + size, *blank;
    while ((blank = memmem(at, (size_t)(end - at), "\n\n", 2)) != NULL) {
        take_event(reader, at, (size_t)(blank - at), now);
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
    if (!reader->is_gone && options.dialect != NCHAN)
        note_surprise("a response without done", "", 0);
    answer_done(reader->answer, now);
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
        greet(reader, now);
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
    bool was_idle = reader->answer->progress == IDLE;
    reader->has_head = false;
    if (!was_idle) {
        report.links_lost++;
        note_surprise("a reader's connection was ended", "", 0);
    }
}

static const Kind READER = {opened, received, lost};

void reader_open(Answer *answer) {
    answer->reader.has_head = false;
    connection_open(&answer->reader.connection, &READER, options.port);
}

void reader_ask(Reader *reader) {
    buffer_append(&reader->connection.out, reader->answer->request, reader->answer->request_size);
    connection_mark(&reader->connection);
}
