/* The cable: subscribes, is asked, counts acknowledgements, comes back. */
#ifndef BOT_H
#define BOT_H

#include "answer.h"

struct Bot {
    Connection connection;
    const char *id, *token;
    unsigned number;
    bool is_upgraded, is_linked;
    uint32_t mask;
    char *escaped; /* the identifier within JSON within JSON */
    size_t skip;   /* where a message of the channel begins, at the earliest */
    Answer **turns;
    unsigned turn_count, turn_room;
    nanos retry_at, pinged_at, killed_at;
};

extern Bot *bots;

/* Read so many from the file, a line for each: id and token; and give the answers theirs. */
void bots_read(const char *path, unsigned wanted);
void bots_open(void);
void bots_tidy(nanos now);
void bots_kill(nanos now);

/* The turn is over for the reader. */
void bot_forget(Answer *answer);

#endif
