/* A bot on the cable, as one built on the EyeClaw SDK: subscribes, streams what it is asked for,
 * counts the acknowledgements, and comes back when its link was ended. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_EVERY (60 * SECOND)
#define RETRY_AFTER (SECOND / 10)

static unsigned next_to_link, linking_count;

static uint64_t hash_of(const char *text, size_t size) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3ULL;
    return hash;
}

static void say(Bot *bot, const char *text, size_t size) {
    frame_append(&bot->connection.out, TEXT_FRAME, text, size, bot->mask);
    connection_mark(&bot->connection);
}

/* ---- linking ------------------------------------------------------------------------------- */

static unsigned concurrency(void) {
    unsigned each = (options.answers + options.answer_bots - 1) / options.answer_bots;
    return each > 0 ? each : 1;
}

static void subscribe(Bot *bot) {
    char text[512];
    int size = snprintf(text, sizeof text, "{\"command\":\"subscribe\",\"identifier\":\"%s\"}",
                        bot->escaped);
    say(bot, text, (size_t)size);
}

static void opened(Connection *connection) {
    Bot *bot = (Bot *)connection;
    char target[256];
    bot->is_upgraded = bot->is_linked = false;
    snprintf(target, sizeof target, "/cable?sdk_token=%s&bot_id=%s", bot->token, bot->id);
    handshake_append(&connection->out, target);
}

static void confirmed(Bot *bot, nanos now) {
    if (bot->is_linked) {
        note_surprise("a second confirmation", "", 0);
        return;
    }
    bot->is_linked = true;
    bot->pinged_at = now;
    linked_count++;
    linking_count--;
    if (bot->killed_at != 0) {
        histogram_note(&report.relink, now - bot->killed_at);
        bot->killed_at = 0;
    }
    bots_tidy(now);
}

static void lost(Connection *connection) {
    Bot *bot = (Bot *)connection;
    if (bot->is_linked) {
        bot->is_linked = false;
        linked_count--;
        linking_count++;
        report.links_lost++;
        note_surprise("a bot's link was ended", "", 0);
    } else {
        report.link_retries++;
    }
    for (unsigned i = 0; i < bot->turn_count; i++)
        bot->turns[i]->turn_size = 0;
    bot->turn_count = 0;
    bot->retry_at = clock_now() + RETRY_AFTER;
}

/* ---- what it hears ------------------------------------------------------------------------- */

static Answer *find_turn(Bot *bot, const char *turn, size_t size) {
    uint64_t hash = hash_of(turn, size);
    for (unsigned i = 0; i < bot->turn_count; i++) {
        Answer *answer = bot->turns[i];
        if (answer->turn_hash == hash && answer->turn_size == size &&
            memcmp(answer->turn, turn, size) == 0)
            return answer;
    }
    return NULL;
}

/* The value behind a key, with or without a space after the colon; NULL when it is not there. */
static const char *value_of(const char *text, size_t size, const char *key, size_t key_size) {
    const char *at = memmem(text, size, key, key_size);
    if (at == NULL)
        return NULL;
    at += key_size;
    while (at < text + size && (*at == ' ' || *at == ':'))
        at++;
    return at;
}
#define VALUE_OF(text, size, key) value_of(text, size, "\"" key "\"", sizeof key + 1)

static size_t string_at(const char **at, const char *end) {
    if (*at == NULL || *at >= end || **at != '"')
        return 0;
    const char *quote = memchr(*at + 1, '"', (size_t)(end - *at - 1));
    if (quote == NULL)
        return 0;
    (*at)++;
    return (size_t)(quote - *at);
}

static void take_acknowledgement(Bot *bot, const char *text, size_t size, nanos now) {
    const char *number = VALUE_OF(text, size, "sequence");
    const char *turn = VALUE_OF(text, size, "session_id");
    size_t turn_size = string_at(&turn, text + size);
    if (number == NULL || turn_size == 0) {
        note_surprise("an acknowledgement without its fields", text, size);
        return;
    }
    Answer *answer = find_turn(bot, turn, turn_size);
    if (answer == NULL) {
        report.strays++;
        return;
    }
    order_note(&answer->acknowledged, (uint32_t)strtoul(number, NULL, 10),
               &report.acknowledgements);
    answer_continue(answer, now);
}

static size_t append_to(char *frame, size_t at, const char *text) {
    size_t size = strlen(text);
    if (at + size > FRAME_ROOM - 64)
        fail("a turn's name or identifier is too long");
    memcpy(frame + at, text, size);
    return at + size;
}

/* Everything of a chunk's message that stays the same in this turn. */
static void make_frame(Answer *answer) {
    char *frame = answer->frame;
    size_t at = append_to(frame, 0, "{\"command\":\"message\",\"identifier\":\"");
    at = append_to(frame, at, answer->bot->escaped);
    at = append_to(frame, at, "\",\"data\":\"{\\\"type\\\":\\\"stream_chunk\\\",\\\"content\\\":\\\"");
    at = append_to(frame, at, STAMP_HEAD);
    answer->number_at = at;
    at = append_to(frame, at, "00000" STAMP_TAIL);
    answer->time_at = at;
    at = append_to(frame, at, "000000000000\\\",\\\"session_id\\\":\\\"");
    at = append_to(frame, at, answer->turn);
    at = append_to(frame, at, "\\\",\\\"sequence\\\":");
    answer->frame_size = at;
}

static void take_command(Bot *bot, const char *text, size_t size, nanos now) {
    const char *turn = VALUE_OF(text, size, "session_id");
    size_t turn_size = string_at(&turn, text + size);
    Answer *answer = answer_numbered(text, size);
    if (answer == NULL || answer->bot != bot || answer->progress != ASKED || turn_size == 0 ||
        turn_size >= LONGEST_TURN) {
        note_surprise("a command that nobody asked for", text, size);
        return;
    }
    if (bot->turn_count == bot->turn_room) {
        bot->turn_room = bot->turn_room ? bot->turn_room * 2 : 8;
        bot->turns = reallocate(bot->turns, bot->turn_room * sizeof *bot->turns);
    }
    bot->turns[bot->turn_count++] = answer;
    memcpy(answer->turn, turn, turn_size);
    answer->turn[turn_size] = 0;
    answer->turn_size = turn_size;
    answer->turn_hash = hash_of(turn, turn_size);
    make_frame(answer);
    answer_begin(answer, now);
}

static bool says(const char *text, size_t size, const char *word) {
    return memmem(text, size, word, strlen(word)) != NULL;
}

static void take_text(Bot *bot, const char *text, size_t size, nanos now) {
    const char *message = size > bot->skip ? text + bot->skip : text;
    size_t message_size = (size_t)(text + size - message);
    if (says(message, message_size, "\"chunk_received\"")) {
        take_acknowledgement(bot, message, message_size, now);
    } else if (says(text, size, "\"execute_command\"")) {
        take_command(bot, message, message_size, now);
    } else if (says(text, size, "\"ping\"")) {
        say(bot, "{\"type\":\"pong\"}", 15);
    } else if (says(text, size, "\"welcome\"")) {
        subscribe(bot);
    } else if (says(text, size, "\"confirm_subscription\"")) {
        confirmed(bot, now);
    } else if (!says(text, size, "\"connected\"") && !says(text, size, "\"pong\"")) {
        note_surprise("a word on the cable", text, size);
    }
}

static size_t received(Connection *connection, char *data, size_t size, nanos now) {
    Bot *bot = (Bot *)connection;
    size_t at = 0, taken;
    if (!bot->is_upgraded) {
        at = handshake_take(data, size);
        bot->is_upgraded = at > 0;
    }
    while (bot->is_upgraded && at < size) {
        Frame frame;
        if ((taken = frame_take(data + at, size - at, &frame)) == 0)
            break;
        at += taken;
        if (frame.opcode == TEXT_FRAME) {
            take_text(bot, frame.payload, frame.size, now);
        } else if (frame.opcode == PING_FRAME) {
            frame_append(&connection->out, PONG_FRAME, frame.payload, frame.size, bot->mask);
            connection_mark(connection);
        }
    }
    return at;
}

static const Kind BOT = {opened, received, lost};

/* ---- its life ------------------------------------------------------------------------------ */

void bots_open(void) {
    for (unsigned i = 0; i < options.bots; i++) {
        Bot *bot = &bots[i];
        char text[256];
        snprintf(text, sizeof text,
                 "{\\\"channel\\\":\\\"BotChannel\\\",\\\"bot_id\\\":\\\"%s\\\","
                 "\\\"max_concurrency\\\":%u,\\\"cancel\\\":true}",
                 bot->id, concurrency());
        bot->escaped = allocate(strlen(text) + 1, 1);
        strcpy(bot->escaped, text);
        bot->skip = strlen(text) + sizeof "{\"identifier\":\"\"," - 1;
        bot->mask = ((uint32_t)random() << 1) | 1;
    }
    bots_tidy(clock_now());
}

/* Let further ones link, bring lost ones back, and say the heartbeat that an SDK says. */
void bots_tidy(nanos now) {
    while (next_to_link < options.bots && linking_count < options.connecting) {
        linking_count++;
        connection_open(&bots[next_to_link++].connection, &BOT, options.port);
    }
    static nanos looked_at;
    if (now - looked_at < RETRY_AFTER)
        return;
    looked_at = now;
    for (unsigned i = 0; i < next_to_link; i++) {
        Bot *bot = &bots[i];
        if (bot->connection.stage == CLOSED && bot->retry_at <= now) {
            connection_open(&bot->connection, &BOT, options.port);
        } else if (bot->is_linked && now - bot->pinged_at > HEARTBEAT_EVERY) {
            char text[512];
            int size = snprintf(text, sizeof text,
                                "{\"command\":\"message\",\"identifier\":\"%s\",\"data\":"
                                "\"{\\\"type\\\":\\\"ping\\\",\\\"timestamp\\\":\\\"%s\\\"}\"}",
                                bot->escaped, iso_now(now));
            say(bot, text, (size_t)size);
            bot->pinged_at = now;
        }
    }
}

void bots_kill(nanos now) {
    for (unsigned i = options.answer_bots; i < options.bots; i++) {
        Bot *bot = &bots[i];
        if (!bot->is_linked)
            continue;
        connection_reset(&bot->connection);
        bot->is_linked = false;
        bot->killed_at = now;
        linked_count--;
        linking_count++;
    }
    for (unsigned i = options.answer_bots; i < options.bots; i++)
        if (bots[i].killed_at == now)
            connection_open(&bots[i].connection, &BOT, options.port);
}

/* ---- what it says -------------------------------------------------------------------------- */

void bot_append_chunk(Answer *answer, nanos now) {
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
    stamp_chunk(answer, answer->frame, now);
    char number[12];
    size_t number_size = put_number(number, answer->sent);
    size_t size =
        answer->frame_size + number_size + sizeof middle - 1 + 24 + sizeof tail - 1;
    char *payload = frame_begin(&bot->connection.out, TEXT_FRAME, size);
    char *at = payload;
    memcpy(at, answer->frame, answer->frame_size);
    at += answer->frame_size;
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

void bot_append_end(Answer *answer) {
    char text[FRAME_ROOM];
    if (answer->bot->connection.stage != OPEN)
        return;
    int size = snprintf(text, sizeof text,
                        "{\"command\":\"message\",\"identifier\":\"%s\",\"data\":\"{\\\"type\\\":"
                        "\\\"stream_end\\\",\\\"session_id\\\":\\\"%s\\\"}\"}",
                        answer->bot->escaped, answer->turn);
    say(answer->bot, text, (size_t)size);
}

void bot_append_summary(Answer *answer, nanos now) {
    Bot *bot = answer->bot;
    if (bot->connection.stage != OPEN)
        return;
    char hash[12];
    int32_t value = (int32_t)answer->text_hash;
    snprintf(hash, sizeof hash, value < 0 ? "-%x" : "%x",
             value < 0 ? (uint32_t)0 - (uint32_t)value : (uint32_t)value);
    const char *said = options.has_script ? script.total : answer->text.data + answer->text.start;
    size_t said_size = options.has_script ? strlen(script.total) : buffer_size(&answer->text);
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

void bot_forget(Answer *answer) {
    Bot *bot = answer->bot;
    for (unsigned i = 0; i < bot->turn_count; i++) {
        if (bot->turns[i] == answer) {
            bot->turns[i] = bot->turns[--bot->turn_count];
            return;
        }
    }
}
