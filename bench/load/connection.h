/* Non-blocking sockets, buffers, one epoll. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "clock.h"

#include <stdbool.h>
#include <stddef.h>

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
void connections_write(void);
/* Listen on a port of 127.0.0.1; `accepted` is handed each new socket. */
void listen_on(int port, void (*accepted)(int fd));
/* Wait until something happens, at most until `wake`; handle it. */
void connections_wait(nanos wake);

#endif
