/* The load generator of the bench: bots, readers and a model in one thread, with one clock.
 *
 * It plays both ends, so that a delay is the difference of two readings of the same clock, and it
 * checks every sequence number at both of them. It has to be cheaper than any server it measures:
 * nothing is allocated per message, what may go out at one moment goes out in one write, and it
 * says itself how busy it was.
 *
 *   figures     histograms, what /proc says of the server, JSON
 *   connection  non-blocking sockets, buffers, one epoll
 *   websocket   frames of a client, and the handshake
 *   order       which numbers have come: lost, doubled, reordered
 *   answer      one reader's place: question after question, paced or in a window
 *   reader      HTTP and server-sent events
 *   bot         the cable: subscribes, is asked, streams, counts acknowledgements
 *   publisher   the WebSocket publisher of nchan
 *   model       an OpenAI-compatible server
 *   main        options, phases, the loop, the report
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t nanos; /* CLOCK_MONOTONIC */

#define SECOND 1000000000ULL
#define NEVER UINT64_MAX

nanos clock_now(void);
/* A span of the command line, as nanoseconds. */
nanos to_nanos(double seconds);
/* Prints {"event":"failed","why":…} and exits with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* calloc and realloc that end the program when there is no memory. */
void *allocate(size_t count, size_t size);
void *reallocate(void *old, size_t size);

/* ---- figures ------------------------------------------------------------------------------- */

#define SUB_BITS 7 /* buckets per octave as a power of two: values are right to 0.8 % */
#define BUCKETS ((65 - SUB_BITS) << SUB_BITS)

typedef struct {
    uint64_t counts[BUCKETS];
    uint64_t count;
    nanos highest;
    double sum;
} Histogram;

void histogram_note(Histogram *histogram, nanos value);
/* As a JSON object, in milliseconds; with `shape` also its buckets as [[upper bound, count], …]. */
void histogram_print(FILE *out, const Histogram *histogram, bool shape);

#define MAX_WATCHED 64

typedef struct {
    double cpu;      /* seconds of user and system time, of all threads */
    uint64_t rss_kb; /* resident */
    uint64_t pss_kb; /* resident, shared pages divided; 0 where the system does not tell */
} Usage;

/* Of the server's processes together. `memory` costs the server a moment: not while measuring. */
Usage usage_of(const int *pids, unsigned count, bool memory);
double own_cpu(void);

/* ---- connection ---------------------------------------------------------------------------- */

typedef struct {
    char *data;
    size_t start, end, capacity;
} Buffer;

/* Room for `size` bytes at the end; what was there stays. */
char *buffer_reserve(Buffer *buffer, size_t size);
void buffer_append(Buffer *buffer, const char *data, size_t size);
static inline size_t buffer_size(const Buffer *buffer) { return buffer->end - buffer->start; }

typedef enum { CLOSED, CONNECTING, OPEN } Stage;
typedef struct Connection Connection;

/* What a kind of connection does; a Connection is the first member of what it belongs to. */
typedef struct {
    void (*opened)(Connection *connection);
    /* Takes what it can from the data, which it may change, and says how much that was. */
    size_t (*received)(Connection *connection, char *data, size_t size, nanos now);
    void (*lost)(Connection *connection);
} Kind;

struct Connection {
    const Kind *kind;
    int fd;
    Stage stage;
    bool is_dirty, waits_for_room;
    Buffer in, out;
};

void connections_start(void);
void connection_open(Connection *connection, const Kind *kind, int port);
void connection_adopt(Connection *connection, const Kind *kind, int fd);
/* Close with RST, as a killed process may; `lost` is not called. */
void connection_reset(Connection *connection);
/* To be called after something was put into `out`; it is written at the end of the round. */
void connection_mark(Connection *connection);
void connections_flush(void);
/* Listen on a port of 127.0.0.1; `accepted` is handed each new socket. */
void listen_on(int port, void (*accepted)(int fd));
/* Wait until something happens, at most until `wake`; handle it. */
void connections_wait(nanos wake);

/* ---- websocket ----------------------------------------------------------------------------- */

#define TEXT_FRAME 1
#define CLOSE_FRAME 8
#define PING_FRAME 9
#define PONG_FRAME 10

/* Put a masked frame into the buffer: returns where `size` bytes of payload are to be written, which
 * `frame_finish` then masks. */
char *frame_begin(Buffer *out, unsigned opcode, size_t size);
void frame_finish(char *payload, size_t size, uint32_t mask);
void frame_append(Buffer *out, unsigned opcode, const char *payload, size_t size, uint32_t mask);

typedef struct {
    unsigned opcode;
    char *payload;
    size_t size;
} Frame;

/* Take the next frame of a server; returns the bytes that it took, 0 when it is not all there. */
size_t frame_take(char *data, size_t size, Frame *frame);
void handshake_append(Buffer *out, const char *target);
/* Returns the bytes of a 101 response, 0 when it is not all there; fails on any other one. */
size_t handshake_take(const char *data, size_t size);

/* ---- order --------------------------------------------------------------------------------- */

typedef struct {
    uint64_t lost, doubled, reordered;
} Faults;

/* Numbers from 0 as they come; those skipped are remembered until they come after all. */
typedef struct {
    uint32_t next;
    uint32_t missing_count;
    uint8_t *missing;
} Order;

void order_begin(Order *order);
void order_note(Order *order, uint32_t number, Faults *faults);
/* All `total` numbers should have come. */
void order_end(Order *order, uint32_t total, Faults *faults);

/* ---- answer -------------------------------------------------------------------------------- */

typedef enum { IDLE, ASKED, RUNNING, ENDED, SETTLING } Progress;
typedef enum { CABLE, NCHAN, MODEL } Dialect;

typedef struct Bot Bot;
typedef struct ModelConnection ModelConnection;
typedef struct Answer Answer;

typedef struct {
    Connection connection;
    Answer *answer;
    bool has_head, is_chunked, is_unframed, is_gone;
    int status;
    uint64_t body_left; /* of the current chunk or of the whole body */
    bool in_trailer;
    Buffer event; /* the beginning of an event whose end has not come */
} Reader;

typedef struct {
    Connection connection;
    Answer *answer;
    bool is_linked;
    uint32_t mask;
} Publisher;

#define LONGEST_TURN 80
#define FRAME_ROOM 1024

struct Answer {
    Reader reader;
    Publisher publisher; /* NCHAN */
    Bot *bot;            /* CABLE, and whose id is asked for otherwise */
    ModelConnection *model; /* MODEL */
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
    char frame[FRAME_ROOM]; /* of a chunk, up to the digits of its sequence */
    size_t frame_size, number_at, time_at;
    Buffer text; /* what was sent in this turn, for the summary */
    uint32_t text_hash;

    nanos *sent_at;        /* SCRIPT: when a number could go on, all before it being sent */
    size_t text_read;      /* SCRIPT: bytes of the expected text that have come */

    nanos due; /* NEVER, or when it has something to do */
    unsigned heap_at;
};

void answers_open(void);
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

void reader_open(Answer *answer);
void reader_ask(Reader *reader);
void publisher_open(Answer *answer);

/* One chunk, by the dialect's source. */
void bot_append_chunk(Answer *answer, nanos now);
void bot_append_end(Answer *answer);
void bot_append_summary(Answer *answer, nanos now);
void publisher_append_chunk(Answer *answer, nanos now);
void model_append_chunk(Answer *answer, nanos now);
void model_append_end(Answer *answer);
/* The turn is over for the reader. */
void bot_forget(Answer *answer);

/* Eight digits or so, with leading zeros. */
void put_digits(char *at, uint64_t value, unsigned digits);
size_t put_number(char *at, uint64_t value);
const char *iso_now(nanos now); /* 24 characters */

#define STAMP_HEAD "\xe7\xac\xac" /* 第 */
#define STAMP_TAIL "\xe6\xae\xb5 " /* 段 and a space */
#define STAMP_DIGITS 5
#define TIME_DIGITS 12 /* of 100 ns since the origin */
#define STAMP_SIZE (sizeof STAMP_HEAD - 1 + STAMP_DIGITS + sizeof STAMP_TAIL - 1 + TIME_DIGITS)

/* Put the number and the time into the frame's stamp and into the turn's text. */
void stamp_chunk(Answer *answer, char *frame, nanos now);

/* ---- bot ----------------------------------------------------------------------------------- */

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

void bots_open(void);
void bots_tidy(nanos now);
void bots_kill(nanos now);

void model_start(void);

/* ---- script: a turn that is replayed ------------------------------------------------------- */

typedef struct {
    nanos at;
    uint32_t sequence;
    char *said;   /* escaped twice, as it goes out */
    size_t said_size;
    size_t until; /* where it ends in `expected`, of all sequences before it and this one */
} ScriptLine;

typedef struct {
    ScriptLine *lines;
    uint32_t count;
    char *expected; /* the whole text, escaped once */
    size_t expected_size;
    size_t *until; /* by sequence */
    char *total;   /* the whole text, escaped twice */
    char *hash;
    nanos end_at, summary_at;
} Script;

void script_read(const char *path, Script *script);

/* ---- main ---------------------------------------------------------------------------------- */

typedef enum { LINKING, STARTING, WARMING, MEASURING, DRAINING } Phase;

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
    bool has_script;
    int watched[MAX_WATCHED];
    unsigned watched_count;
} Options;

typedef struct {
    Histogram delay, first_byte, first_chunk, answer, probe, late, relink;
    Faults events, acknowledgements;
    uint64_t chunks, all_chunks, all_answers;
    uint64_t answers, apologies, refused, strays, links_lost, link_retries, surprises, unfinished;
    uint64_t readers_reopened, model_connections, model_requests;
    char surprise[200];
} Report;

extern Options options;
extern Report report;
extern Script script;
extern Phase phase;
extern nanos origin;
extern Bot *bots;
extern Answer *answers;
extern unsigned linked_count, greeted_count;

bool is_measuring(void);
/* Something that no server should do; the first one is kept for the report. */
void note_surprise(const char *what, const char *data, size_t size);

#endif
