/* Frames as a client writes and a server sends them (RFC 6455), and the opening handshake. */
#define _GNU_SOURCE
#include "websocket.h"
#include "memory.h"
#include "options.h"

#include <string.h>

char *frame_begin(Buffer *out, unsigned opcode, size_t size) {
    /* The mask's four bytes are left free; frame_finish puts them there. */
    unsigned char *head = (unsigned char *)buffer_reserve(out, size + 14);
    size_t head_size = 2;
    head[0] = (unsigned char)(0x80 | opcode);
    if (size < 126) {
        head[1] = (unsigned char)(0x80 | size);
    } else if (size < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(size >> 8);
        head[3] = (unsigned char)size;
        head_size = 4;
    } else {
        head[1] = 0x80 | 127;
        for (unsigned i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
        head_size = 10;
    }
    out->end += head_size + 4 + size;
    return (char *)head + head_size + 4;
}

void frame_finish(char *payload, size_t size, uint32_t mask) {
    memcpy(payload - 4, &mask, 4);
    uint64_t wide = ((uint64_t)mask << 32) | mask;
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, payload + at, 8);
        word ^= wide;
        memcpy(payload + at, &word, 8);
    }
    for (; at < size; at++)
        payload[at] = (char)(payload[at] ^ ((const char *)&mask)[at % 4]);
}

void frame_append(Buffer *out, unsigned opcode, const char *payload, size_t size, uint32_t mask) {
    char *into = frame_begin(out, opcode, size);
    memcpy(into, payload, size);
    frame_finish(into, size, mask);
}

size_t frame_take(char *data, size_t size, Frame *frame) {
    if (size < 2)
        return 0;
    const unsigned char *head = (const unsigned char *)data;
    uint64_t payload = head[1] & 0x7f;
    size_t head_size = 2;
    if (head[1] & 0x80)
        fail("the server masks its frames");
    if (!(head[0] & 0x80) || (head[0] & 0x70))
        fail("the server sends fragments or extensions");
    if (payload == 126) {
        if (size < 4)
            return 0;
        payload = ((uint64_t)head[2] << 8) | head[3];
        head_size = 4;
    } else if (payload == 127) {
        if (size < 10)
            return 0;
        payload = 0;
        for (unsigned i = 0; i < 8; i++)
            payload = (payload << 8) | head[2 + i];
        head_size = 10;
    }
    if (size - head_size < payload)
        return 0;
    frame->opcode = head[0] & 0x0f;
    frame->payload = data + head_size;
    frame->size = (size_t)payload;
    return head_size + (size_t)payload;
}

void handshake_append(Buffer *out, const char *target) {
    char text[1024];
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        target, options.port);
    buffer_append(out, text, (size_t)size);
}

size_t handshake_take(const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    if (size < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0)
        fail("no upgrade: %.*s", (int)(size < 60 ? size : 60), data);
    return (size_t)(end - data) + 4;
}
