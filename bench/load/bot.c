/* A bot on the cable, as one built on the EyeClaw SDK: subscribes, streams what it is asked for,
 * counts the acknowledgements, and comes back when its link was ended. */
#define _GNU_SOURCE
#include "bot.h"
#include "counters.h"
#include "memory.h"
#include "options.h"
#include "websocket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_EVERY (60 * SECOND)
#define RETRY_AFTER (SECOND / 10)

Bot *bots;

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
    char *frame = answer->piece.frame;
    size_t at = append_to(frame, 0, "{\"command\":\"message\",\"identifier\":\"");
    at = append_to(frame, at, answer->bot->escaped);
    at = append_to(frame, at, "\",\"data\":\"{\\\"type\\\":\\\"stream_chunk\\\",\\\"content\\\":\\\"");
    at = append_to(frame, at, STAMP_HEAD);
    answer->piece.number_at = at;
    at = append_to(frame, at, "00000" STAMP_TAIL);
    answer->piece.time_at = at;
    at = append_to(frame, at, "000000000000\\\",\\\"session_id\\\":\\\"");
    at = append_to(frame, at, answer->turn);
    at = append_to(frame, at, "\\\",\\\"sequence\\\":");
    answer->piece.size = at;
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

void bots_read(const char *path, unsigned wanted) {
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
    for (unsigned i = 0; i < options.answers; i++) {
        answers[i].bot = &bots[i % options.answer_bots];
        answers[i].bot_id = answers[i].bot->id;
    }
}

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

void bot_forget(Answer *answer) {
    Bot *bot = answer->bot;
    for (unsigned i = 0; i < bot->turn_count; i++) {
        if (bot->turns[i] == answer) {
            bot->turns[i] = bot->turns[--bot->turn_count];
            return;
        }
    }
}
