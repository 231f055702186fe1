/* The publisher of nchan: a WebSocket per channel, one message per event, nobody acknowledges. */
#define _GNU_SOURCE
#include "publisher.h"
#include "counters.h"
#include "memory.h"
#include "options.h"
#include "websocket.h"

#include <stdlib.h>
#include <string.h>

struct Publisher {
    Connection connection;
    Answer *answer;
    bool is_linked;
    uint32_t mask;
};

static void opened(Connection *connection) {
    Publisher *publisher = (Publisher *)connection;
    char target[64];
    publisher->is_linked = false;
    snprintf(target, sizeof target, "/pub/%06u", publisher->answer->number);
    handshake_append(&connection->out, target);
}

static void make_frame(Answer *answer) {
    char *frame = answer->piece.frame;
    static const char head[] =
        "{\"role\":\"agent\",\"type\":\"answer\",\"answer_stream\":\"" STAMP_HEAD;
    int size = snprintf(frame, FRAME_ROOM,
                        "%s00000" STAMP_TAIL "000000000000\",\"message_id\":\"m-%06u\","
                        "\"agent_id\":\"%s\",\"is_finish\":false}",
                        head, answer->number, answer->bot_id);
    answer->piece.number_at = sizeof head - 1;
    answer->piece.time_at = answer->piece.number_at + STAMP_DIGITS + sizeof STAMP_TAIL - 1;
    answer->piece.size = (size_t)size;
}

static size_t received(Connection *connection, char *data, size_t size, nanos now) {
    Publisher *publisher = (Publisher *)connection;
    size_t at = 0, taken;
    (void)now;
    if (!publisher->is_linked) {
        if ((at = handshake_take(data, size)) == 0)
            return 0;
        publisher->is_linked = true;
        linked_count++;
    }
    for (Frame frame; (taken = frame_take(data + at, size - at, &frame)) > 0; at += taken) {
        if (frame.opcode != PING_FRAME)
            continue;
        frame_append(&connection->out, PONG_FRAME, frame.payload, frame.size, publisher->mask);
        connection_mark(connection);
    }
    return at;
}

static void lost(Connection *connection) {
    Publisher *publisher = (Publisher *)connection;
    if (publisher->is_linked)
        linked_count--;
    report.links_lost++;
    note_surprise("a publisher's link was ended", "", 0);
}

static const Kind PUBLISHER = {opened, received, lost};

void publishers_open(void) {
    Publisher *publishers = allocate(options.answers, sizeof *publishers);
    for (unsigned i = 0; i < options.answers; i++) {
        Publisher *publisher = &publishers[i];
        publisher->answer = &answers[i];
        publisher->mask = ((uint32_t)random() << 1) | 1;
        answers[i].publisher = publisher;
        make_frame(&answers[i]);
        connection_open(&publisher->connection, &PUBLISHER, options.port);
    }
}

static void append_chunk(Answer *answer, nanos now) {
    Publisher *publisher = answer->publisher;
    piece_stamp(&answer->piece, answer->sent, now);
    frame_append(&publisher->connection.out, TEXT_FRAME, answer->piece.frame, answer->piece.size,
                 publisher->mask);
    connection_mark(&publisher->connection);
}

const Source PUBLISHING = {append_chunk, NULL, NULL, NULL};
