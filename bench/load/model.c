/* An OpenAI-compatible server that streams numbered tokens: the model behind embedded bots. */
#define _GNU_SOURCE
#include "model.h"
#include "counters.h"
#include "memory.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

struct ModelConnection {
    Connection connection;
    Answer *answer;
    ModelConnection *next_free;
};

static ModelConnection *unused;

static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                           "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char MODELS[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 27\r\n\r\n{\"object\":\"list\",\"data\":[]}";

static void append_event(Connection *connection, const char *event, size_t size) {
    char head[16];
    int head_size = snprintf(head, sizeof head, "%zx\r\n", size);
    buffer_append(&connection->out, head, (size_t)head_size);
    buffer_append(&connection->out, event, size);
    buffer_append(&connection->out, "\r\n", 2);
    connection_mark(connection);
}

static void make_frame(Answer *answer) {
    static const char head[] =
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,"
        "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" STAMP_HEAD;
    int size = snprintf(answer->piece.frame, FRAME_ROOM,
                        "%s00000" STAMP_TAIL "000000000000\"},\"finish_reason\":null}]}\n\n", head);
    answer->piece.number_at = sizeof head - 1;
    answer->piece.time_at = answer->piece.number_at + STAMP_DIGITS + sizeof STAMP_TAIL - 1;
    answer->piece.size = (size_t)size;
}

static void take_question(ModelConnection *model, const char *body, size_t size, nanos now) {
    Connection *connection = &model->connection;
    Answer *answer = answer_numbered(body, size);
    report.model_requests++;
    buffer_append(&connection->out, HEAD, sizeof HEAD - 1);
    connection_mark(connection);
    if (answer == NULL || answer->progress != ASKED) {
        note_surprise("a question to the model that nobody asked", body, size);
        append_event(connection, "data: [DONE]\n\n", 14);
        buffer_append(&connection->out, "0\r\n\r\n", 5);
        return;
    }
    model->answer = answer;
    answer->model = model;
    make_frame(answer);
    answer_begin(answer, now);
}

static size_t received(Connection *connection, char *data, size_t size, nanos now) {
    ModelConnection *model = (ModelConnection *)connection;
    size_t at = 0;
    while (at < size) {
        const char *end = memmem(data + at, size - at, "\r\n\r\n", 4);
        if (end == NULL)
            break;
        size_t head_size = (size_t)(end - data) + 4 - at, body_size = 0;
        if (memcmp(data + at, "GET ", 4) == 0) {
            buffer_append(&connection->out, MODELS, sizeof MODELS - 1);
            connection_mark(connection);
            at += head_size;
            continue;
        }
        static const char *const names[] = {"content-length: ", "Content-Length: "};
        const char *length = NULL;
        for (unsigned i = 0; i < 2 && length == NULL; i++)
            length = memmem(data + at, head_size, names[i], 16);
        if (length == NULL)
            fail("a question to the model without Content-Length");
        body_size = strtoull(length + 16, NULL, 10);
        if (size - at < head_size + body_size)
            break;
        take_question(model, data + at + head_size, body_size, now);
        at += head_size + body_size;
    }
    return at;
}

static void opened(Connection *connection) { (void)connection; }

static void lost(Connection *connection) {
    ModelConnection *model = (ModelConnection *)connection;
    if (model->answer != NULL && model->answer->model == model &&
        model->answer->progress == RUNNING)
        note_surprise("the model's connection was ended within an answer", "", 0);
    if (model->answer != NULL && model->answer->model == model)
        model->answer->model = NULL;
    model->answer = NULL;
    model->next_free = unused;
    unused = model;
}

static const Kind MODEL_SIDE = {opened, received, lost};

static void accepted(int fd) {
    ModelConnection *model = unused;
    if (model != NULL)
        unused = model->next_free;
    else
        model = allocate(1, sizeof *model);
    model->answer = NULL;
    report.model_connections++;
    connection_adopt(&model->connection, &MODEL_SIDE, fd);
}

void model_start(void) { listen_on(options.model_port, accepted); }

static void append_chunk(Answer *answer, nanos now) {
    piece_stamp(&answer->piece, answer->sent, now);
    if (answer->model != NULL)
        append_event(&answer->model->connection, answer->piece.frame, answer->piece.size);
}

static void append_end(Answer *answer) {
    static const char stop[] =
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,"
        "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    if (answer->model == NULL)
        return;
    Connection *connection = &answer->model->connection;
    append_event(connection, stop, sizeof stop - 1);
    append_event(connection, "data: [DONE]\n\n", 14);
    buffer_append(&connection->out, "0\r\n\r\n", 5);
    answer->model->answer = NULL;
    answer->model = NULL;
}

const Source MODEL_SPEECH = {append_chunk, append_end, NULL, NULL};
