/* The publisher of nchan: a WebSocket per channel, one message per event, nobody acknowledges. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

static void opened(Connection *connection) {
    Publisher *publisher = (Publisher *)connection;
    char target[64];
    publisher->is_linked = false;
    snprintf(target, sizeof target, "/pub/%06u", publisher->answer->number);
    handshake_append(&connection->out, target);
}

static void make_frame(Answer *answer) {
    char *frame = answer->frame;
    static const char head[] =
        "{\"role\":\"agent\",\"type\":\"answer\",\"answer_stream\":\"" STAMP_HEAD;
    int size = snprintf(frame, FRAME_ROOM,
                        "%s00000" STAMP_TAIL "000000000000\",\"message_id\":\"m-%06u\","
                        "\"agent_id\":\"%s\",\"is_finish\":false}",
                        head, answer->number, answer->bot->id);
    answer->number_at = sizeof head - 1;
    answer->time_at = answer->number_at + STAMP_DIGITS + sizeof STAMP_TAIL - 1;
    answer->frame_size = (size_t)size;
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

void publisher_open(Answer *answer) {
    make_frame(answer);
    answer->publisher.mask = ((uint32_t)random() << 1) | 1;
    connection_open(&answer->publisher.connection, &PUBLISHER, options.port);
}

void publisher_append_chunk(Answer *answer, nanos now) {
    Publisher *publisher = &answer->publisher;
    stamp_chunk(answer, answer->frame, now);
    frame_append(&publisher->connection.out, TEXT_FRAME, answer->frame, answer->frame_size,
                 publisher->mask);
    connection_mark(&publisher->connection);
}
