/* Frames of a client's WebSocket, and the handshake. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "connection.h"

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

#endif
