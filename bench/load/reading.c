/* What the events of an answer say. */
#define _GNU_SOURCE
#include "reading.h"
#include "answer.h"
#include "counters.h"
#include "options.h"
#include "script.h"

#include <stdio.h>
#include <string.h>

static const char OFFLINE[] = "Bot 已离线";

static void begun(Reader *reader, nanos now) {
    Answer *answer = (Answer *)reader;
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
    Answer *answer = (Answer *)reader;
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

static void ended(Reader *reader, nanos now) {
    if (!reader->is_gone && options.dialect != NCHAN)
        note_surprise("a response without done", "", 0);
    answer_done((Answer *)reader, now);
}

static void lost(Reader *reader) {
    if (((Answer *)reader)->progress == IDLE)
        return;
    report.links_lost++;
    note_surprise("a reader's connection was ended", "", 0);
}

const Hearing READING = {begun, take_event, ended, lost};
