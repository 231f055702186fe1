/* The command line. */
#define _GNU_SOURCE
#include "options.h"
#include "memory.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

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

void options_read(int count, char **words) {
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
    options.key = "none";
    int each;
    while ((each = getopt_long(count, words, "", known, NULL)) != -1) {
        switch (each) {
        case PORT: options.port = atoi(optarg); break;
        case KEY: options.key = optarg; break;
        case BOTS_FILE: options.bots_file = optarg; break;
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
        case SCRIPT: options.script_path = optarg; break;
        case DIALECT: options.dialect = dialect_of(optarg); break;
        case MODEL_PORT: options.model_port = atoi(optarg); break;
        case WATCH: watch_pids(optarg); break;
        default: fail("see options.c for the options");
        }
    }
    if (options.port == 0 || options.bots_file == NULL)
        fail("--port and --bots-file are needed");
    if (options.answer_bots == 0)
        options.answer_bots = options.bots;
    if (options.answer_bots == 0 || options.window == 0 || options.connecting == 0)
        fail("--bots, --window and --connecting are at least 1");
    options.has_script = options.script_path != NULL;
    if (options.chunks == 0 || options.chunks > 99999)
        fail("--chunks is from 1 to 99999");
}
