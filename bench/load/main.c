/* Options, phases, the loop, and the report. Everything that it prints is one JSON object a line:
 * `linked` and `measuring` when that begins, `progress` each second, and at the end `result`, or
 * `failed` with a reason.
 *
 *   load --port 8001 --key ak_… --bots-file FILE --bots 10 --answers 50 --window 16 --seconds 5
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

Options options = {.answer_bots = 0,
                   .window = 16,
                   .chunks = 500,
                   .connecting = 64,
                   .seconds = 5,
                   .warm_up = 1,
                   .drain = 10,
                   .link_within = 60,
                   .kill_at = -1,
                   .probe_every = 0.02};
Report report;
Script script;
Phase phase = LINKING;
nanos origin;
Bot *bots;
Answer *answers;
unsigned linked_count, greeted_count;

nanos clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (nanos)now.tv_sec * SECOND + (nanos)now.tv_nsec;
}

nanos to_nanos(double seconds) { return (nanos)(seconds * 1e9); }

void fail(const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            *at = '\'';
    printf("{\"event\":\"failed\",\"why\":\"%s\"}\n", text);
    exit(1);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL)
        fail("no memory");
    return memory;
}

void *reallocate(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (memory == NULL)
        fail("no memory");
    return memory;
}

bool is_measuring(void) { return phase == MEASURING; }

void note_surprise(const char *what, const char *data, size_t size) {
    report.surprises++;
    if (report.surprise[0] != 0)
        return;
    int at = snprintf(report.surprise, sizeof report.surprise, "%s%s", what, size ? ": " : "");
    for (size_t i = 0; i < size && (size_t)at + 1 < sizeof report.surprise; i++)
        report.surprise[at++] = data[i] == '"' || data[i] == '\\' || (unsigned char)data[i] < ' '
                                    ? '\''
                                    : data[i];
    while (at > 0 && (report.surprise[at - 1] & 0x80)) /* a character that may be cut */
        at--;
    report.surprise[at] = 0;
}

/* ---- the probe: a plain request every few milliseconds tells how late the server is -------- */

static Connection probe;
static nanos probe_due = NEVER, probe_asked;

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
    if (is_measuring())
        histogram_note(&report.probe, now - probe_asked);
    nanos every = to_nanos(options.probe_every);
    probe_due = probe_asked + every;
    probe_asked = 0;
    return whole;
}

static const Kind PROBE;

static void probe_lost(Connection *connection) {
    connection_open(connection, &PROBE, options.port);
    probe_due = clock_now() + to_nanos(options.probe_every);
    probe_asked = 0;
}

static const Kind PROBE = {probe_opened, probe_received, probe_lost};

static void run_probe(nanos now) {
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

/* ---- phases -------------------------------------------------------------------------------- */

static nanos started_at, linked_at, measured_from, measured_until, kill_due = NEVER;
static nanos phase_until, tick_due;
static Usage first, linked, before, after, last;
static double own_before, own_after;
static bool is_over;

static unsigned links_wanted(void) {
    if (options.dialect == NCHAN)
        return options.answers;
    return options.dialect == CABLE ? options.bots : 0;
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
        linked_at = now;
        linked = usage(true);
        printf("{\"event\":\"linked\",\"seconds\":%.3f,\"links\":%u}\n",
               (double)(now - started_at) / 1e9, linked_count);
        phase_until = clock_now() + to_nanos(options.link_within);
        answers_open();
        break;
    case WARMING:
        phase_until = now + to_nanos(options.warm_up);
        answers_go_on(now);
        break;
    case MEASURING:
        printf("{\"event\":\"measuring\"}\n");
        before = usage(false);
        own_before = own_cpu();
        measured_from = clock_now();
        phase_until = measured_from + to_nanos(options.seconds);
        if (options.kill_at >= 0)
            kill_due = measured_from + to_nanos(options.kill_at);
        if (options.probe != NULL)
            probe_due = measured_from;
        break;
    case DRAINING:
        measured_until = clock_now();
        after = usage(false);
        own_after = own_cpu();
        last = usage(true);
        probe_due = NEVER;
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
           phase, (double)(now - started_at) / 1e9, linked_count,
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

static nanos earliest(nanos a, nanos b) { return a < b ? a : b; }

static void run(void) {
    started_at = origin = tick_due = clock_now();
    first = usage(true);
    if (options.probe != NULL)
        connection_open(&probe, &PROBE, options.port);
    if (options.dialect == CABLE)
        bots_open();
    if (options.dialect == NCHAN)
        for (unsigned i = 0; i < options.answers; i++) {
            answers[i].number = i;
            answers[i].publisher.answer = &answers[i];
            answers[i].bot = &bots[i % options.answer_bots];
            publisher_open(&answers[i]);
        }
    enter(LINKING, started_at);
    while (!is_over) {
        nanos wake = earliest(earliest(answers_next_due(), probe_due),
                              earliest(earliest(tick_due, phase_until), kill_due));
        connections_wait(wake);
        nanos now = clock_now();
        answers_run_due(now);
        run_probe(now);
        if (now >= tick_due)
            tidy(now);
        run_phase(now);
        connections_flush();
    }
    for (unsigned i = 0; i < options.answers; i++)
        report.unfinished += answers[i].progress != IDLE;
}

/* ---- the report ---------------------------------------------------------------------------- */

static void print_faults(const char *name, const Faults *faults) {
    printf(",\"%s\":{\"lost\":%llu,\"doubled\":%llu,\"reordered\":%llu}", name,
           (unsigned long long)faults->lost, (unsigned long long)faults->doubled,
           (unsigned long long)faults->reordered);
}

static void print_histogram(const char *name, const Histogram *histogram, bool shape) {
    printf(",\"%s\":", name);
    histogram_print(stdout, histogram, shape);
}

static void print_count(const char *name, uint64_t count) {
    printf(",\"%s\":%llu", name, (unsigned long long)count);
}

static void print_memory(const char *name, Usage at, const char *comma) {
    printf("%s\"%s\":{\"rss_kb\":%llu,\"pss_kb\":%llu}", comma, name,
           (unsigned long long)at.rss_kb, (unsigned long long)at.pss_kb);
}

static void print_report(void) {
    double span = (double)(measured_until - measured_from) / 1e9;
    double cpu = after.cpu - before.cpu;
    printf("{\"event\":\"result\",\"seconds\":%.3f,\"linked_s\":%.3f", span,
           (double)(linked_at - started_at) / 1e9);
    printf(",\"server_cpu_s\":%.3f,\"load_cpu_s\":%.3f,\"load_busy\":%.4f", cpu,
           own_after - own_before, (own_after - own_before) / span);
    printf(",\"chunks_per_s\":%.1f", (double)report.chunks / span);
    if (report.chunks > 0)
        printf(",\"cpu_us_per_chunk\":%.3f", cpu * 1e6 / (double)report.chunks);
    print_count("chunks", report.chunks);
    print_count("all_chunks", report.all_chunks);
    print_count("answers", report.answers);
    print_count("all_answers", report.all_answers);
    print_count("unfinished", report.unfinished);
    print_count("apologies", report.apologies);
    print_count("refused", report.refused);
    print_count("stray_acknowledgements", report.strays);
    print_count("links_lost", report.links_lost);
    print_count("link_retries", report.link_retries);
    print_count("readers_reopened", report.readers_reopened);
    print_count("surprises", report.surprises);
    printf(",\"surprise\":\"%s\"", report.surprise);
    print_faults("events", &report.events);
    print_faults("acknowledgements", &report.acknowledgements);
    print_histogram("delay_ms", &report.delay, true);
    print_histogram("first_byte_ms", &report.first_byte, true);
    print_histogram("first_chunk_ms", &report.first_chunk, true);
    print_histogram("answer_ms", &report.answer, false);
    print_histogram("probe_ms", &report.probe, true);
    print_histogram("late_ms", &report.late, false);
    print_histogram("relink_ms", &report.relink, false);
    printf(",\"memory\":{");
    print_memory("first", first, "");
    print_memory("linked", linked, ",");
    print_memory("last", last, ",");
    printf("}");
    if (options.dialect == MODEL)
        printf(",\"model\":{\"connections\":%llu,\"requests\":%llu}",
               (unsigned long long)report.model_connections,
               (unsigned long long)report.model_requests);
    printf("}\n");
}

/* ---- options ------------------------------------------------------------------------------- */

static void read_bots(const char *path, unsigned wanted) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail("cannot read %s: %s", path, strerror(errno));
    bots = allocate(wanted, sizeof *bots);
    char id[32], token[128];
    unsigned count = 0;
    while (count < wanted && fscanf(file, "%31s %127s", id, token) == 2) {
        bots[count].id = strdup(id);
        bots[count].token = strdup(token);
        bots[count].number = count;
        count++;
    }
    fclose(file);
    if (count < wanted)
        fail("%s has %u bots of %u", path, count, wanted);
}

static void watch_pids(char *list) {
    for (char *each = strtok(list, ","); each != NULL; each = strtok(NULL, ","))
        if (options.watched_count < MAX_WATCHED)
            options.watched[options.watched_count++] = atoi(each);
}

static Dialect dialect_of(const char *name) {
    if (strcmp(name, "cable") == 0)
        return CABLE;
    if (strcmp(name, "nchan") == 0)
        return NCHAN;
    if (strcmp(name, "model") == 0)
        return MODEL;
    fail("unknown dialect %s", name);
}

static void read_options(int count, char **words) {
    enum { PORT, KEY, BOTS_FILE, BOTS, ANSWER_BOTS, ANSWERS, WINDOW, CHUNKS, RATE, PACE, TOGETHER,
           OFFLINE_BOTS, SECONDS, WARM_UP, DRAIN, LINK_WITHIN, CONNECTING, KILL_AT, PROBE_PATH,
           PROBE_EVERY, SCRIPT, DIALECT, MODEL_PORT, WATCH };
    static const struct option known[] = {
        {"port", 1, 0, PORT},           {"key", 1, 0, KEY},
        {"bots-file", 1, 0, BOTS_FILE}, {"bots", 1, 0, BOTS},
        {"answer-bots", 1, 0, ANSWER_BOTS}, {"answers", 1, 0, ANSWERS},
        {"window", 1, 0, WINDOW},       {"chunks", 1, 0, CHUNKS},
        {"rate", 1, 0, RATE},           {"pace", 1, 0, PACE},
        {"together", 0, 0, TOGETHER},   {"offline", 0, 0, OFFLINE_BOTS},
        {"seconds", 1, 0, SECONDS},     {"warm-up", 1, 0, WARM_UP},
        {"drain", 1, 0, DRAIN},         {"link-within", 1, 0, LINK_WITHIN},
        {"connecting", 1, 0, CONNECTING}, {"kill-at", 1, 0, KILL_AT},
        {"probe", 1, 0, PROBE_PATH},    {"probe-every", 1, 0, PROBE_EVERY},
        {"script", 1, 0, SCRIPT},       {"dialect", 1, 0, DIALECT},
        {"model-port", 1, 0, MODEL_PORT}, {"watch", 1, 0, WATCH},
        {0, 0, 0, 0}};
    const char *bots_file = NULL, *script_path = NULL;
    options.key = "none";
    int each;
    while ((each = getopt_long(count, words, "", known, NULL)) != -1) {
        switch (each) {
        case PORT: options.port = atoi(optarg); break;
        case KEY: options.key = optarg; break;
        case BOTS_FILE: bots_file = optarg; break;
        case BOTS: options.bots = (unsigned)atoi(optarg); break;
        case ANSWER_BOTS: options.answer_bots = (unsigned)atoi(optarg); break;
        case ANSWERS: options.answers = (unsigned)atoi(optarg); break;
        case WINDOW: options.window = (unsigned)atoi(optarg); break;
        case CHUNKS: options.chunks = (unsigned)atoi(optarg); break;
        case RATE: options.rate = atof(optarg); break;
        case PACE: options.pace = atof(optarg); break;
        case TOGETHER: options.together = true; break;
        case OFFLINE_BOTS: options.offline = true; break;
        case SECONDS: options.seconds = atof(optarg); break;
        case WARM_UP: options.warm_up = atof(optarg); break;
        case DRAIN: options.drain = atof(optarg); break;
        case LINK_WITHIN: options.link_within = atof(optarg); break;
        case CONNECTING: options.connecting = (unsigned)atoi(optarg); break;
        case KILL_AT: options.kill_at = atof(optarg); break;
        case PROBE_PATH: options.probe = optarg; break;
        case PROBE_EVERY: options.probe_every = atof(optarg); break;
        case SCRIPT: script_path = optarg; break;
        case DIALECT: options.dialect = dialect_of(optarg); break;
        case MODEL_PORT: options.model_port = atoi(optarg); break;
        case WATCH: watch_pids(optarg); break;
        default: fail("see the head of main.c for the options");
        }
    }
    if (options.port == 0 || bots_file == NULL)
        fail("--port and --bots-file are needed");
    if (options.answer_bots == 0)
        options.answer_bots = options.bots;
    if (options.answer_bots == 0 || options.window == 0 || options.connecting == 0)
        fail("--bots, --window and --connecting are at least 1");
    if (script_path != NULL) {
        options.has_script = true;
        script_read(script_path, &script);
        options.chunks = script.count;
    }
    if (options.chunks == 0 || options.chunks > 99999)
        fail("--chunks is from 1 to 99999");
    read_bots(bots_file, options.bots > options.answer_bots ? options.bots : options.answer_bots);
    if (options.offline)
        options.bots = 0;
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    srandom(20260101);
    read_options(count, words);
    answers = allocate(options.answers, sizeof *answers);
    connections_start();
    if (options.dialect == MODEL)
        model_start();
    run();
    print_report();
    return 0;
}
