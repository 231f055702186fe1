/* One reader's place: question after question, paced or in a window. */
#ifndef ANSWER_H
#define ANSWER_H

#include "order.h"
#include "piece.h"
#include "reader.h"
#include "schedule.h"

typedef enum { IDLE, ASKED, RUNNING, ENDED, SETTLING } Progress;

typedef struct Bot Bot;
typedef struct Publisher Publisher;
typedef struct ModelConnection ModelConnection;
typedef struct Answer Answer;

/* Who speaks: a bot, a publisher, a model. */
typedef struct {
    void (*append_chunk)(Answer *answer, nanos now);
    void (*append_end)(Answer *answer); /* NULL: its answers have none */
    void (*append_summary)(Answer *answer, nanos now); /* NULL: there is none */
    void (*forget)(Answer *answer); /* the turn is over for the reader; NULL: nothing to forget */
} Source;

#define LONGEST_TURN 80

struct Answer {
    Reader reader;
    Publisher *publisher;   /* NCHAN */
    Bot *bot;               /* CABLE */
    ModelConnection *model; /* MODEL */
    const char *bot_id;     /* who is asked */
    unsigned number;
    Progress progress;
    bool has_greeted; /* its first response has begun */

    char turn[LONGEST_TURN]; /* the session id of the running turn */
    size_t turn_size;
    uint64_t turn_hash;
    uint32_t total, sent;
    Order acknowledged, read;
    nanos asked_at, began_at, last_sent_at;
    bool is_heard, is_begun, is_finished; /* first byte, first chunk, finishing message */

    char *request; /* the question, ready to be sent */
    size_t request_size;
    Piece piece;

    nanos *sent_at;        /* SCRIPT: when a number could go on, all before it being sent */
    size_t text_read;      /* SCRIPT: bytes of the expected text that have come */

    Due due;
};

extern Answer *answers;

/* As many as there are to be, numbered. */
void answers_make(void);
/* Let them ask, one after the other; who speaks for them, and who hears for their readers. */
void answers_open(const Source *source, const Hearing *hearing);
/* The source knows which turn it answers: it begins to speak. */
void answer_begin(Answer *answer, nanos now);
/* Some numbers were acknowledged, or read where nobody acknowledges. */
void answer_continue(Answer *answer, nanos now);
/* The reader has seen the end. */
void answer_done(Answer *answer, nanos now);
/* A chunk has come at the reader; `sent` as stamped. */
void answer_chunk(Answer *answer, uint32_t number, nanos sent, nanos now);
void answer_ask(Answer *answer, nanos now);
/* All readers have begun: the load may come. */
void answers_go_on(nanos now);
/* From now on nothing new is asked, and what runs comes to its end. */
void answers_stop(nanos now);
void answers_run_due(nanos now);
nanos answers_next_due(void);
/* What waits too long for its acknowledgements is ended without them. */
void answers_tidy(nanos now);
bool answers_all_idle(void);
Answer *answer_numbered(const char *text, size_t size);

#endif
