/* The load generator of the bench: bots, readers and a model in one thread, with one clock.
 *
 * It plays both ends, so that a delay is the difference of two readings of the same clock, and it
 * checks every sequence number at both of them. It has to be cheaper than any server it measures:
 * nothing is allocated per message, what may go out at one moment goes out in one write, and it
 * says itself how busy it was.
 *
 * Each file includes only those above it in this list:
 *
 *   clock, memory      time; allocation, and how the program ends
 *   figures            histograms, what /proc says of the server
 *   connection         non-blocking sockets, buffers, one epoll
 *   options            what it was told to do
 *   websocket          frames of a client, and the handshake
 *   order              which numbers have come: lost, doubled, reordered
 *   script             a turn that is replayed
 *   counters           what is counted, and in which phase
 *   probe              how late the server is with a plain request
 *   schedule, piece    who has something to do when; a chunk with its stamp
 *   reader             HTTP and server-sent events
 *   answer             one reader's place: question after question, paced or in a window
 *   reading            what the events of an answer say
 *   bot, bot_speech    the cable: subscribes, is asked; streams
 *   publisher, model   nchan's WebSocket publisher; an OpenAI-compatible server
 *   report, main       the result; phases and the loop
 *
 * Everything that it prints is one JSON object a line: `linked` and `measuring` when that begins,
 * `progress` each second, and at the end `result`, or `failed` with a reason.
 *
 *   load --port 8001 --key ak_… --bots-file FILE --bots 10 --answers 50 --window 16 --seconds 5
 */
#define _GNU_SOURCE
#include "answer.h"
#include "bot.h"
#include "bot_speech.h"
#include "connection.h"
#include "counters.h"
#include "memory.h"
#include "model.h"
#include "options.h"
#include "probe.h"
#include "publisher.h"
#include "reading.h"
#include "report.h"
#include "script.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static Run run;
static nanos kill_due = NEVER, phase_until, tick_due;
static bool is_over;

static unsigned links_wanted(void) {
    if (options.dialect == NCHAN)
        return options.answers;
    return options.dialect == CABLE ? options.bots : 0;
}

static const Source *source(void) {
    switch (options.dialect) {
    case NCHAN:
        return &PUBLISHING;
    case MODEL:
        return &MODEL_SPEECH;
    default:
        return &BOT_SPEECH;
    }
}

static Usage usage(bool memory) {
    return usage_of(options.watched, options.watched_count, memory);
}

static void enter(Phase next, nanos now) {
    phase = next;
    switch (next) {
    case LINKING:
        phase_until = now + to_nanos(options.link_within);
        break;
    case STARTING:
        run.linked_at = now;
        run.linked = usage(true);
        printf("{\"event\":\"linked\",\"seconds\":%.3f,\"links\":%u}\n",
               (double)(now - run.started_at) / 1e9, linked_count);
        phase_until = clock_now() + to_nanos(options.link_within);
        answers_open(source(), &READING);
        break;
    case WARMING:
        phase_until = now + to_nanos(options.warm_up);
        answers_go_on(now);
        break;
    case MEASURING:
        printf("{\"event\":\"measuring\"}\n");
        run.before = usage(false);
        run.own_before = own_cpu();
        run.measured_from = clock_now();
        phase_until = run.measured_from + to_nanos(options.seconds);
        if (options.kill_at >= 0)
            kill_due = run.measured_from + to_nanos(options.kill_at);
        probe_begin(run.measured_from);
        break;
    case DRAINING:
        run.measured_until = clock_now();
        run.after = usage(false);
        run.own_after = own_cpu();
        run.last = usage(true);
        probe_end();
        phase_until = now + to_nanos(options.drain);
        answers_stop(now);
        break;
    }
    fflush(stdout);
}

static void run_phase(nanos now) {
    bool is_late = now >= phase_until;
    switch (phase) {
    case LINKING:
        if (linked_count == links_wanted())
            enter(STARTING, now);
        else if (is_late)
            fail("%u of %u links after %.0f s; %s", linked_count, links_wanted(),
                 options.link_within, report.surprise);
        break;
    case STARTING:
        if (greeted_count == options.answers)
            enter(WARMING, now);
        else if (is_late)
            fail("%u of %u readers were answered within %.0f s; %s", greeted_count,
                 options.answers, options.link_within, report.surprise);
        break;
    case WARMING:
        if (is_late)
            enter(MEASURING, now);
        break;
    case MEASURING:
        if (now >= kill_due) {
            bots_kill(now);
            kill_due = NEVER;
        }
        if (is_late)
            enter(DRAINING, now);
        break;
    case DRAINING:
        is_over = is_late || answers_all_idle();
        break;
    }
}

static void print_progress(nanos now) {
    static uint64_t chunks_before;
    static nanos at_before;
    static unsigned lines;
    double span = at_before ? (double)(now - at_before) / 1e9 : 1;
    /* In a soak only, and not often: it costs the server. */
    bool with_memory = options.seconds >= 60 && lines++ % 10 == 0;
    printf("{\"event\":\"progress\",\"phase\":%d,\"at\":%.1f,\"links\":%u,\"chunks_per_s\":%.0f,"
           "\"rss_kb\":%llu,\"lost\":%llu}\n",
           phase, (double)(now - run.started_at) / 1e9, linked_count,
           (double)(report.all_chunks - chunks_before) / span,
           with_memory ? (unsigned long long)usage(true).rss_kb : 0ULL,
           (unsigned long long)report.events.lost);
    fflush(stdout);
    chunks_before = report.all_chunks;
    at_before = now;
}

static void tidy(nanos now) {
    static unsigned ticks;
    tick_due = now + SECOND / 10;
    if (options.dialect == CABLE)
        bots_tidy(now);
    if (++ticks % 10 == 0) {
        answers_tidy(now);
        print_progress(now);
    }
}

static void run_until_over(void) {
    run.started_at = origin = tick_due = clock_now();
    run.first = usage(true);
    probe_open();
    if (options.dialect == CABLE)
        bots_open();
    if (options.dialect == NCHAN)
        publishers_open();
    enter(LINKING, run.started_at);
    while (!is_over) {
        nanos wake = earliest(earliest(answers_next_due(), probe_next_due()),
                              earliest(earliest(tick_due, phase_until), kill_due));
        connections_wait(wake);
        nanos now = clock_now();
        answers_run_due(now);
        probe_run(now);
        if (now >= tick_due)
            tidy(now);
        run_phase(now);
        connections_write();
    }
    for (unsigned i = 0; i < options.answers; i++)
        report.unfinished += answers[i].progress != IDLE;
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    srandom(20260101);
    options_read(count, words);
    if (options.has_script) {
        script_read(options.script_path, &script);
        options.chunks = script.count;
    }
    answers_make();
    bots_read(options.bots_file,
              options.bots > options.answer_bots ? options.bots : options.answer_bots);
    if (options.offline)
        options.bots = 0;
    connections_start();
    if (options.dialect == MODEL)
        model_start();
    run_until_over();
    report_print(&run);
    return 0;
}
