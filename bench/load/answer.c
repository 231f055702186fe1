/* One reader's place: it asks, its source speaks at a pace or within a window, and asks again. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An SDK waits so long for the last acknowledgements before it says the end. */
#define ACKNOWLEDGED_WITHIN (2 * SECOND)
/* An end that did not wait for all acknowledgements: so long they may come behind it. */
#define SETTLED_WITHIN (5 * SECOND)
/* Between two looks whether a further reader may start. */
#define START_AGAIN (5 * SECOND / 1000)

static Answer **heap;
static unsigned heap_count;
static unsigned started_count, busy_count;

/* ---- who has something to do when ---------------------------------------------------------- */

static void place(unsigned at, Answer *answer) {
    heap[at] = answer;
    answer->heap_at = at;
}

static void sift(unsigned at, Answer *answer) {
    while (at > 0 && heap[(at - 1) / 2]->due > answer->due) {
        place(at, heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child + 1 < heap_count && heap[child + 1]->due < heap[child]->due)
            child++;
        if (child >= heap_count || heap[child]->due >= answer->due)
            break;
        place(at, heap[child]);
        at = child;
    }
    place(at, answer);
}

static void set_due(Answer *answer, nanos due) {
    answer->due = due;
    sift(answer->heap_at, answer);
}

nanos answers_next_due(void) { return heap_count > 0 ? heap[0]->due : NEVER; }

/* ---- questions ----------------------------------------------------------------------------- */

static void make_request(Answer *answer) {
    char body[512], text[1024];
    int body_size = snprintf(body, sizeof body,
                             "{\"message_id\":\"m-%06u\",\"agent_id\":\"%s\",\"message\":[{\"role\":"
                             "\"user\",\"type\":\"text\",\"text\":\"bench-%06u 今天天气怎么样？\"}]}",
                             answer->number, answer->bot->id, answer->number);
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

void answers_open(void) {
    nanos now = clock_now();
    heap = allocate(options.answers + 1, sizeof *heap);
    for (unsigned i = 0; i < options.answers; i++) {
        Answer *answer = &answers[i];
        answer->number = i;
        answer->bot = &bots[i % options.answer_bots];
        answer->reader.answer = answer;
        answer->publisher.answer = answer;
        if (options.has_script)
            answer->sent_at = allocate(script.count, sizeof(nanos));
        make_request(answer);
        answer->due = now + spread(i);
        place(heap_count, answer);
        heap_count++;
        sift(answer->heap_at, answer);
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
        reader_open(answer);
    }
    busy_count++;
    answer->progress = ASKED;
    answer->asked_at = now;
    answer->is_heard = answer->is_begun = answer->is_finished = false;
    answer->text_read = 0;
    order_begin(&answer->read);
    order_begin(&answer->acknowledged);
    answer->sent = answer->total = 0;
    reader_ask(&answer->reader);
    nanos next = NEVER;
    if (options.pace > 0) { /* the next one of this reader comes by the clock, if it is free then */
        nanos round = to_nanos(options.pace * options.answers);
        next = (answer->due == NEVER ? now : answer->due) + round;
        while (next <= now)
            next += round;
    }
    set_due(answer, next);
}

/* ---- what the source says ------------------------------------------------------------------ */

void put_digits(char *at, uint64_t value, unsigned digits) {
    while (digits > 0) {
        at[--digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

size_t put_number(char *at, uint64_t value) {
    unsigned digits = 1;
    for (uint64_t rest = value; rest >= 10; rest /= 10)
        digits++;
    put_digits(at, value, digits);
    return digits;
}

const char *iso_now(nanos now) {
    static char text[40];
    static nanos made_at;
    if (made_at == 0 || now - made_at >= SECOND / 1000) {
        struct timespec wall;
        struct tm parts;
        clock_gettime(CLOCK_REALTIME, &wall);
        gmtime_r(&wall.tv_sec, &parts);
        size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text + size, sizeof text - size, ".%03ldZ", wall.tv_nsec / 1000000);
        made_at = now;
    }
    return text;
}

void stamp_chunk(Answer *answer, char *frame, nanos now) {
    put_digits(frame + answer->number_at, answer->sent, STAMP_DIGITS);
    put_digits(frame + answer->time_at, (now - origin) / 100, TIME_DIGITS);
    if (options.dialect != CABLE)
        return;
    uint32_t hash = answer->text_hash * 31 + 0x7b2c;
    for (unsigned i = 0; i < STAMP_DIGITS; i++)
        hash = hash * 31 + (uint32_t)frame[answer->number_at + i];
    hash = (hash * 31 + 0x6bb5) * 31 + ' ';
    for (unsigned i = 0; i < TIME_DIGITS; i++)
        hash = hash * 31 + (uint32_t)frame[answer->time_at + i];
    answer->text_hash = hash;
    buffer_append(&answer->text, frame + answer->number_at - (sizeof STAMP_HEAD - 1), STAMP_SIZE);
}

static void append_chunk(Answer *answer, nanos now) {
    switch (options.dialect) {
    case CABLE:
        bot_append_chunk(answer, now);
        break;
    case NCHAN:
        publisher_append_chunk(answer, now);
        break;
    case MODEL:
        model_append_chunk(answer, now);
        break;
    }
    answer->sent++;
    answer->last_sent_at = now;
}

static uint32_t confirmed(const Answer *answer) {
    return options.dialect == CABLE ? answer->acknowledged.next : answer->read.next;
}

static void say_end(Answer *answer, nanos now) {
    answer->progress = ENDED;
    set_due(answer, NEVER);
    switch (options.dialect) {
    case CABLE:
        bot_append_end(answer);
        if (!options.has_script)
            bot_append_summary(answer, now);
        break;
    case MODEL:
        model_append_end(answer);
        break;
    case NCHAN:
        answer_done(answer, now); /* its subscription has no end */
        break;
    }
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
    answer->text.start = answer->text.end = 0;
    answer->text_hash = 0;
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
        bot_append_summary(answer, now);
        set_due(answer, NEVER);
        return;
    }
    set_due(answer, chunk_due(answer));
}

static void settle(Answer *answer, nanos now);

static void run_due(Answer *answer, nanos now) {
    if (answer->progress == SETTLING) {
        settle(answer, now);
    } else if (answer->progress == IDLE && answer->due <= now) {
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
        set_due(answer, answer->due + to_nanos(options.pace * options.answers)); /* still busy */
    } else {
        set_due(answer, NEVER);
    }
}

void answers_run_due(nanos now) {
    if (options.together && phase != DRAINING && greeted_count == options.answers &&
        answers_all_idle())
        for (unsigned i = 0; i < options.answers; i++)
            answer_ask(&answers[i], clock_now());
    while (heap_count > 0 && heap[0]->due <= now)
        run_due(heap[0], now);
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
        bot_forget(answer);
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
