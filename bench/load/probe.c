/* A plain request every few milliseconds tells how late the server is. */
#define _GNU_SOURCE
#include "probe.h"
#include "connection.h"
#include "counters.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

static Connection probe;
static nanos probe_due = NEVER, probe_asked; /* 0: nobody has asked */
static bool is_running;

/* One question at a time, and none before the beginning: of two that are on their way the answer
   to the second would be measured from nowhere. */
static void ask_at(nanos moment) { probe_due = is_running ? moment : NEVER; }

static void probe_opened(Connection *connection) { (void)connection; }

static size_t probe_received(Connection *connection, char *data, size_t size, nanos now) {
    (void)connection;
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    const char *length = memmem(data, (size_t)(end - data), "ength: ", 7);
    size_t whole = (size_t)(end - data) + 4 + (length ? strtoull(length + 7, NULL, 10) : 0);
    if (size < whole)
        return 0;
    if (probe_asked == 0)
        note_surprise("an answer that nobody has asked for", data, whole);
    else if (is_measuring())
        histogram_note(&report.probe, now - probe_asked);
    ask_at((probe_asked ? probe_asked : now) + to_nanos(options.probe_every));
    probe_asked = 0;
    return whole;
}

static const Kind PROBE;

static void probe_lost(Connection *connection) {
    connection_open(connection, &PROBE, options.port);
    ask_at(clock_now() + to_nanos(options.probe_every));
    probe_asked = 0;
}

static const Kind PROBE = {probe_opened, probe_received, probe_lost};

void probe_run(nanos now) {
    char text[256];
    if (options.probe == NULL || now < probe_due || probe.stage != OPEN)
        return;
    int size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
                        options.probe, options.port);
    buffer_append(&probe.out, text, (size_t)size);
    connection_mark(&probe);
    probe_asked = probe_due; /* a probe that is late itself has waited too */
    probe_due = NEVER;
}

void probe_open(void) {
    if (options.probe != NULL)
        connection_open(&probe, &PROBE, options.port);
}

void probe_begin(nanos now) {
    is_running = options.probe != NULL;
    ask_at(now);
}

void probe_end(void) {
    is_running = false;
    probe_due = NEVER;
}

nanos probe_next_due(void) { return probe_due; }
