/* One reader's place: it asks, its source speaks at a pace or within a window, and asks again. */
#define _GNU_SOURCE
#include "answer.h"
#include "counters.h"
#include "memory.h"
#include "options.h"
#include "script.h"

#include <stdlib.h>
#include <string.h>

/* An SDK waits so long for the last acknowledgements before it says the end. */
#define ACKNOWLEDGED_WITHIN (2 * SECOND)
/* An end that did not wait for all acknowledgements: so long they may come behind it. */
#define SETTLED_WITHIN (5 * SECOND)
/* Between two looks whether a further reader may start. */
#define START_AGAIN (5 * SECOND / 1000)

Answer *answers;

static const Source *source;
static unsigned started_count, busy_count;

static void set_due(Answer *answer, nanos at) { schedule_set(&answer->due, at); }

static Answer *next_answer(void) {
    Due *due = schedule_first();
    return due == NULL ? NULL : (Answer *)((char *)due - offsetof(Answer, due));
}

nanos answers_next_due(void) {
    Due *due = schedule_first();
    return due == NULL ? NEVER : due->at;
}

/* ---- questions ----------------------------------------------------------------------------- */

static void make_request(Answer *answer) {
    char body[512], text[1024];
    int body_size = snprintf(body, sizeof body,
                             "{\"message_id\":\"m-%06u\",\"agent_id\":\"%s\",\"message\":[{\"role\":"
                             "\"user\",\"type\":\"text\",\"text\":\"bench-%06u 今天天气怎么样？\"}]}",
                             answer->number, answer->bot_id, answer->number);
    int size = snprintf(text, sizeof text,
                        "POST /sse/rokid HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                        "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n\r\n%s",
                        options.port, options.key, body_size, body);
    if (options.dialect == NCHAN)
        size = snprintf(text, sizeof text,
                        "GET /sub/%06u HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                        "Accept: text/event-stream\r\n\r\n",
                        answer->number, options.port);
    answer->request = allocate((size_t)size, 1);
    memcpy(answer->request, text, (size_t)size);
    answer->request_size = (size_t)size;
}

/* Spread over one answer's time, so that paced answers do not all begin in one instant. */
static nanos spread(unsigned number) {
    double whole = options.rate > 0 ? options.chunks / options.rate : 0;
    if (options.has_script)
        whole = (double)script.summary_at / 1e9;
    if (options.pace > 0)
        return to_nanos(options.pace * number);
    if (whole > options.warm_up)
        whole = options.warm_up;
    return to_nanos(whole * number / options.answers);
}

void answers_make(void) {
    answers = allocate(options.answers, sizeof *answers);
    for (unsigned i = 0; i < options.answers; i++)
        answers[i].number = i;
}

void answers_open(const Source *speaks, const Hearing *hearing) {
    nanos now = clock_now();
    source = speaks;
    schedule_begin(options.answers);
    for (unsigned i = 0; i < options.answers; i++) {
        Answer *answer = &answers[i];
        answer->reader.hearing = hearing;
        if (options.has_script)
            answer->sent_at = allocate(script.count, sizeof(nanos));
        make_request(answer);
        schedule_add(&answer->due, now + spread(i));
    }
}

void answer_ask(Answer *answer, nanos now) {
    if (answer->reader.connection.stage == CLOSED) {
        if (!answer->has_greeted) {
            if (started_count - greeted_count >= options.connecting) {
                set_due(answer, now + START_AGAIN);
                return;
            }
            started_count++;
        } else {
            report.readers_reopened++;
        }
        reader_open(&answer->reader);
    }
    busy_count++;
    answer->progress = ASKED;
    answer->asked_at = now;
    answer->is_heard = answer->is_begun = answer->is_finished = false;
    answer->text_read = 0;
    order_begin(&answer->read);
    order_begin(&answer->acknowledged);
    answer->sent = answer->total = 0;
    reader_ask(&answer->reader, answer->request, answer->request_size);
    nanos next = NEVER;
    if (options.pace > 0) { /* the next one of this reader comes by the clock, if it is free then */
        nanos round = to_nanos(options.pace * options.answers);
        next = (answer->due.at == NEVER ? now : answer->due.at) + round;
        while (next <= now)
            next += round;
    }
    set_due(answer, next);
}

/* ---- what the source says ------------------------------------------------------------------ */

static void append_chunk(Answer *answer, nanos now) {
    source->append_chunk(answer, now);
    answer->sent++;
    answer->last_sent_at = now;
}

static uint32_t confirmed(const Answer *answer) {
    return options.dialect == CABLE ? answer->acknowledged.next : answer->read.next;
}

static void say_end(Answer *answer, nanos now) {
    answer->progress = ENDED;
    set_due(answer, NEVER);
    if (source->append_end == NULL) { /* a subscription */
        answer_done(answer, now);
        return;
    }
    source->append_end(answer);
    if (source->append_summary != NULL && !options.has_script)
        source->append_summary(answer, now);
}

static nanos chunk_due(const Answer *answer) {
    if (!options.has_script)
        return answer->began_at + (nanos)((double)answer->sent * 1e9 / options.rate);
    if (answer->sent < script.count)
        return answer->began_at + script.lines[answer->sent].at;
    return answer->began_at +
           (answer->progress == RUNNING ? script.end_at : script.summary_at);
}

static void end_if_all_is_said(Answer *answer, nanos now) {
    if (answer->progress != RUNNING || answer->sent < answer->total)
        return;
    /* A model says its end at once; a bot waits until everything has been acknowledged. */
    if (options.dialect == MODEL || confirmed(answer) >= answer->total)
        say_end(answer, now);
}

void answer_begin(Answer *answer, nanos now) {
    answer->progress = RUNNING;
    answer->total = phase == DRAINING && !options.has_script ? 1 : options.chunks;
    answer->sent = 0;
    piece_begin(&answer->piece);
    answer->began_at = now;
    if (options.has_script || options.rate > 0) {
        set_due(answer, now); /* the first one right now, at the end of this round */
        return;
    }
    answer_continue(answer, now);
}

void answer_continue(Answer *answer, nanos now) {
    if (answer->progress == SETTLING && confirmed(answer) >= answer->sent)
        set_due(answer, now);
    if (answer->progress != RUNNING || options.has_script)
        return;
    if (options.rate == 0) {
        /* Servers that accept one connection a round would take minutes once they are loaded. */
        uint32_t most = phase == STARTING ? 1 : answer->total;
        while (answer->sent < most && answer->sent - confirmed(answer) < options.window)
            append_chunk(answer, now);
    }
    end_if_all_is_said(answer, now);
}

static void run_script(Answer *answer, nanos now) {
    while (answer->sent < script.count && chunk_due(answer) <= now)
        append_chunk(answer, now);
    if (answer->sent == script.count && answer->progress == RUNNING && chunk_due(answer) <= now)
        say_end(answer, now);
    if (answer->progress == ENDED && chunk_due(answer) <= now) {
        source->append_summary(answer, now);
        set_due(answer, NEVER);
        return;
    }
    set_due(answer, chunk_due(answer));
}

static void settle(Answer *answer, nanos now);

static void run_due(Answer *answer, nanos now) {
    if (answer->progress == SETTLING) {
        settle(answer, now);
    } else if (answer->progress == IDLE && answer->due.at <= now) {
        if (phase == DRAINING)
            set_due(answer, NEVER);
        else
            answer_ask(answer, now);
    } else if (options.has_script &&
               (answer->progress == RUNNING || answer->progress == ENDED)) {
        run_script(answer, now);
    } else if (answer->progress == RUNNING && options.rate > 0) {
        while (answer->sent < answer->total && chunk_due(answer) <= now) {
            if (is_measuring() && answer->sent > 0)
                histogram_note(&report.late, now - chunk_due(answer));
            append_chunk(answer, now);
        }
        if (answer->sent < answer->total)
            set_due(answer, chunk_due(answer));
        else
            set_due(answer, NEVER);
        end_if_all_is_said(answer, now);
    } else if (options.pace > 0) {
        set_due(answer, answer->due.at + to_nanos(options.pace * options.answers)); /* still busy */
    } else {
        set_due(answer, NEVER);
    }
}

void answers_run_due(nanos now) {
    if (options.together && phase != DRAINING && greeted_count == options.answers &&
        answers_all_idle())
        for (unsigned i = 0; i < options.answers; i++)
            answer_ask(&answers[i], clock_now());
    while (answers_next_due() <= now)
        run_due(next_answer(), now);
}

/* ---- what the reader sees ------------------------------------------------------------------ */

void answer_chunk(Answer *answer, uint32_t number, nanos sent, nanos now) {
    order_note(&answer->read, number, &report.events);
    report.all_chunks++;
    if (is_measuring()) {
        report.chunks++;
        histogram_note(&report.delay, now > sent ? now - sent : 0);
    }
    if (!answer->is_begun) {
        answer->is_begun = true;
        if (is_measuring())
            histogram_note(&report.first_chunk, now - answer->asked_at);
    }
    if (options.dialect != CABLE)
        answer_continue(answer, now);
}

/* Everything that may still come has come. */
static void settle(Answer *answer, nanos now) {
    if (options.dialect == CABLE && !options.offline) {
        order_end(&answer->acknowledged, answer->sent, &report.acknowledgements);
        source->forget(answer);
    }
    answer->progress = IDLE;
    busy_count--;
    if (phase == DRAINING) {
        set_due(answer, NEVER);
    } else if (options.dialect == NCHAN) {
        busy_count++; /* its subscription goes on */
        order_begin(&answer->read);
        answer_begin(answer, now);
    } else if (options.pace == 0 && !options.together) {
        set_due(answer, now);
    }
}

void answer_done(Answer *answer, nanos now) {
    if (!options.offline) {
        if (answer->progress != ENDED || (options.dialect != NCHAN && !answer->is_finished))
            note_surprise("an answer ended early", "", 0);
        order_end(&answer->read, answer->total, &report.events);
    }
    report.all_answers++;
    if (is_measuring()) {
        report.answers++;
        if (options.dialect != NCHAN)
            histogram_note(&report.answer, now - answer->asked_at);
    }
    if (options.dialect == CABLE && !options.offline && answer->acknowledged.next < answer->sent) {
        answer->progress = SETTLING;
        set_due(answer, now + SETTLED_WITHIN);
    } else {
        settle(answer, now);
    }
}

void answers_go_on(nanos now) {
    for (unsigned i = 0; i < options.answers; i++)
        answer_continue(&answers[i], now);
}

void answers_stop(nanos now) {
    for (unsigned i = 0; i < options.answers; i++) {
        Answer *answer = &answers[i];
        if (answer->progress == RUNNING && !options.has_script) {
            answer->total = answer->sent > 0 ? answer->sent : 1;
            answer_continue(answer, now);
        }
    }
}

void answers_tidy(nanos now) {
    for (unsigned i = 0; i < options.answers; i++) {
        Answer *answer = &answers[i];
        if (options.dialect == CABLE && answer->progress == RUNNING && answer->total > 0 &&
            answer->sent == answer->total && now - answer->last_sent_at > ACKNOWLEDGED_WITHIN)
            say_end(answer, now); /* what is missing is counted when the reader is done */
    }
}

bool answers_all_idle(void) { return busy_count == 0; }

Answer *answer_numbered(const char *text, size_t size) {
    const char *at = memmem(text, size, "bench-", 6);
    if (at == NULL || (size_t)(text + size - at) < 12)
        return NULL;
    unsigned long number = strtoul(at + 6, NULL, 10);
    return number < options.answers ? &answers[number] : NULL;
}
