/* What it was told to do. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "figures.h"

typedef enum { CABLE, NCHAN, MODEL } Dialect;

typedef struct {
    int port;
    const char *key;
    Dialect dialect;
    unsigned bots, answer_bots, answers, window, chunks, connecting;
    double rate;  /* chunks a second of each answer; 0: as the window allows */
    double pace;  /* seconds between two questions of all; 0: each asks when it has its answer */
    bool together; /* all ask at one instant */
    bool offline;  /* no bot is there: the text for that is the right answer */
    double seconds, warm_up, drain, link_within, kill_at, probe_every;
    const char *probe;
    int model_port;
    const char *bots_file; /* a line for each: id, token */
    const char *script_path;
    bool has_script;
    int watched[MAX_WATCHED];
    unsigned watched_count;
} Options;

extern Options options;

/* Takes them from the command line; fails where they make no sense. */
void options_read(int count, char **words);

#endif
