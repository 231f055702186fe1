/* What a bot says: chunks, their end, the summary. */
#include "bot_speech.h"
#include "bot.h"
#include "options.h"
#include "script.h"
#include "websocket.h"

#include <stdio.h>
#include <string.h>

static void append_chunk(Answer *answer, nanos now) {
    static const char middle[] = ",\\\"timestamp\\\":\\\"", tail[] = "\\\"}\"}";
    Bot *bot = answer->bot;
    if (bot->connection.stage != OPEN)
        return;
    if (options.has_script) {
        const ScriptLine *line = &script.lines[answer->sent];
        char head[FRAME_ROOM], after[256];
        int head_size = snprintf(head, sizeof head,
                                 "{\"command\":\"message\",\"identifier\":\"%s\",\"data\":\"{"
                                 "\\\"type\\\":\\\"stream_chunk\\\",\\\"content\\\":\\\"",
                                 bot->escaped);
        int after_size = snprintf(after, sizeof after,
                                  "\\\",\\\"session_id\\\":\\\"%s\\\",\\\"sequence\\\":%u,"
                                  "\\\"timestamp\\\":\\\"%s\\\"}\"}",
                                  answer->turn, line->sequence, iso_now(now));
        size_t size = (size_t)head_size + line->said_size + (size_t)after_size;
        char *payload = frame_begin(&bot->connection.out, TEXT_FRAME, size);
        memcpy(payload, head, (size_t)head_size);
        memcpy(payload + head_size, line->said, line->said_size);
        memcpy(payload + head_size + line->said_size, after, (size_t)after_size);
        frame_finish(payload, size, bot->mask);
        connection_mark(&bot->connection);
        /* A piece can be read once all before it have been sent. */
        answer->sent_at[line->sequence] = now;
        for (uint32_t i = 0, latest_known = 1; i < script.count && latest_known; i++) {
            latest_known = answer->sent_at[i] >= answer->began_at;
            if (latest_known && i > 0 && answer->sent_at[i] < answer->sent_at[i - 1])
                answer->sent_at[i] = answer->sent_at[i - 1];
        }
        return;
    }
    piece_stamp(&answer->piece, answer->sent, now);
    char number[12];
    size_t number_size = put_number(number, answer->sent);
    size_t size =
        answer->piece.size + number_size + sizeof middle - 1 + 24 + sizeof tail - 1;
    char *payload = frame_begin(&bot->connection.out, TEXT_FRAME, size);
    char *at = payload;
    memcpy(at, answer->piece.frame, answer->piece.size);
    at += answer->piece.size;
    memcpy(at, number, number_size);
    at += number_size;
    memcpy(at, middle, sizeof middle - 1);
    at += sizeof middle - 1;
    memcpy(at, iso_now(now), 24);
    at += 24;
    memcpy(at, tail, sizeof tail - 1);
    frame_finish(payload, size, bot->mask);
    connection_mark(&bot->connection);
}

static void append_end(Answer *answer) {
    char text[FRAME_ROOM];
    if (answer->bot->connection.stage != OPEN)
        return;
    int size = snprintf(text, sizeof text,
                        "{\"command\":\"message\",\"identifier\":\"%s\",\"data\":\"{\\\"type\\\":"
                        "\\\"stream_end\\\",\\\"session_id\\\":\\\"%s\\\"}\"}",
                        answer->bot->escaped, answer->turn);
    frame_append(&answer->bot->connection.out, TEXT_FRAME, text, (size_t)size, answer->bot->mask);
    connection_mark(&answer->bot->connection);
}

static void append_summary(Answer *answer, nanos now) {
    Bot *bot = answer->bot;
    if (bot->connection.stage != OPEN)
        return;
    char hash[12];
    int32_t value = (int32_t)answer->piece.hash;
    snprintf(hash, sizeof hash, value < 0 ? "-%x" : "%x",
             value < 0 ? (uint32_t)0 - (uint32_t)value : (uint32_t)value);
    const char *said = options.has_script ? script.total : answer->piece.text.data + answer->piece.text.start;
    size_t said_size = options.has_script ? strlen(script.total) : buffer_size(&answer->piece.text);
    char head[FRAME_ROOM], tail[256];
    int head_size = snprintf(head, sizeof head,
                             "{\"command\":\"message\",\"identifier\":\"%s\",\"data\":\"{\\\"type"
                             "\\\":\\\"stream_summary\\\",\\\"session_id\\\":\\\"%s\\\","
                             "\\\"total_content\\\":\\\"",
                             bot->escaped, answer->turn);
    int tail_size = snprintf(tail, sizeof tail,
                             "\\\",\\\"total_chunks\\\":%u,\\\"content_hash\\\":\\\"%s\\\","
                             "\\\"timestamp\\\":\\\"%s\\\"}\"}",
                             answer->sent, options.has_script ? script.hash : hash, iso_now(now));
    size_t size = (size_t)head_size + said_size + (size_t)tail_size;
    char *payload = frame_begin(&bot->connection.out, TEXT_FRAME, size);
    memcpy(payload, head, (size_t)head_size);
    memcpy(payload + head_size, said, said_size);
    memcpy(payload + head_size + said_size, tail, (size_t)tail_size);
    frame_finish(payload, size, bot->mask);
    connection_mark(&bot->connection);
}

const Source BOT_SPEECH = {append_chunk, append_end, append_summary, bot_forget};
