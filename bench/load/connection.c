/* Non-blocking sockets to and from 127.0.0.1, their buffers, and one epoll for all of them. */
#define _GNU_SOURCE
#include "connection.h"
#include "memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define READ_ROOM (256 * 1024)
#define EVENTS 1024
#define KEEP_AT_MOST (64 * 1024) /* a larger buffer is given back once it is empty */

static int poller = -1, timer = -1;
static nanos armed = NEVER;
static char *incoming;
static size_t incoming_room;
static Connection **dirty;
static size_t dirty_count, dirty_room;

static Connection timer_place; /* only its address is used */
static Connection listener = {.fd = -1};
static void (*on_accepted)(int fd);

char *buffer_reserve(Buffer *buffer, size_t size) {
    if (buffer->capacity - buffer->end < size) {
        size_t held = buffer_size(buffer);
        if (buffer->start > 0 && buffer->capacity >= held + size && buffer->start >= held) {
            memmove(buffer->data, buffer->data + buffer->start, held);
        } else {
            size_t capacity = buffer->capacity < 1024 ? 1024 : buffer->capacity;
            while (capacity < held + size)
                capacity *= 2;
            char *data = allocate(capacity, 1);
            if (held > 0)
                memcpy(data, buffer->data + buffer->start, held);
            free(buffer->data);
            buffer->data = data;
            buffer->capacity = capacity;
        }
        buffer->start = 0;
        buffer->end = held;
    }
    return buffer->data + buffer->end;
}

void buffer_append(Buffer *buffer, const char *data, size_t size) {
    memcpy(buffer_reserve(buffer, size), data, size);
    buffer->end += size;
}

static void buffer_empty(Buffer *buffer) {
    buffer->start = buffer->end = 0;
    if (buffer->capacity > KEEP_AT_MOST) {
        free(buffer->data);
        *buffer = (Buffer){0};
    }
}

static void watch(Connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poller, operation, connection->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

void connections_start(void) {
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (poller < 0 || timer < 0)
        fail("epoll or timerfd: %s", strerror(errno));
    timer_place.fd = timer;
    watch(&timer_place, EPOLL_CTL_ADD, EPOLLIN);
    incoming_room = READ_ROOM;
    incoming = allocate(incoming_room, 1);
}

static void settle(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void connection_open(Connection *connection, const Kind *kind, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    settle(fd);
    connection->kind = kind;
    connection->fd = fd;
    connection->stage = CONNECTING;
    connection->waits_for_room = true;
    connection->in.start = connection->in.end = 0;
    connection->out.start = connection->out.end = 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    watch(connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void connection_adopt(Connection *connection, const Kind *kind, int fd) {
    settle(fd);
    connection->kind = kind;
    connection->fd = fd;
    connection->stage = OPEN;
    connection->waits_for_room = false;
    connection->in.start = connection->in.end = 0;
    connection->out.start = connection->out.end = 0;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

void connection_reset(Connection *connection) {
    if (connection->stage == CLOSED)
        return;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(connection->fd);
    connection->fd = -1;
    connection->stage = CLOSED;
    buffer_empty(&connection->in);
    buffer_empty(&connection->out);
}

static void lose(Connection *connection) {
    connection_reset(connection);
    connection->kind->lost(connection);
}

void connection_mark(Connection *connection) {
    if (connection->is_dirty || connection->waits_for_room || connection->stage != OPEN)
        return;
    if (dirty_count == dirty_room) {
        dirty_room = dirty_room ? dirty_room * 2 : 256;
        dirty = reallocate(dirty, dirty_room * sizeof *dirty);
    }
    connection->is_dirty = true;
    dirty[dirty_count++] = connection;
}

static void flush(Connection *connection) {
    Buffer *out = &connection->out;
    bool waited = connection->waits_for_room;
    while (buffer_size(out) > 0) {
        ssize_t sent =
            send(connection->fd, out->data + out->start, buffer_size(out), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) {
                connection->waits_for_room = true;
                if (!waited)
                    watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
                return;
            }
            lose(connection);
            return;
        }
        out->start += (size_t)sent;
    }
    buffer_empty(out);
    connection->waits_for_room = false;
    if (waited)
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

void connections_write(void) {
    for (size_t i = 0; i < dirty_count; i++) {
        Connection *connection = dirty[i];
        connection->is_dirty = false;
        if (connection->stage == OPEN && !connection->waits_for_room)
            flush(connection);
    }
    dirty_count = 0;
}

static void receive(Connection *connection) {
    Buffer *in = &connection->in;
    size_t held = buffer_size(in);
    if (held + READ_ROOM > incoming_room) {
        incoming_room = held + 2 * READ_ROOM;
        incoming = reallocate(incoming, incoming_room);
    }
    ssize_t size = recv(connection->fd, incoming + held, READ_ROOM, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        lose(connection);
        return;
    }
    nanos now = clock_now();
    if (held > 0)
        memcpy(incoming, in->data + in->start, held);
    size_t whole = held + (size_t)size;
    size_t taken = connection->kind->received(connection, incoming, whole, now);
    if (connection->stage == CLOSED)
        return;
    buffer_empty(in);
    if (taken < whole)
        buffer_append(in, incoming + taken, whole - taken);
}

static void handle(Connection *connection, uint32_t events) {
    if (connection->stage == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            lose(connection);
            return;
        }
        struct sockaddr_in peer;
        socklen_t room = sizeof peer;
        if (getpeername(connection->fd, (struct sockaddr *)&peer, &room) < 0)
            return; /* an event of a socket that was here before */
        connection->stage = OPEN;
        connection->kind->opened(connection);
        if (connection->stage == OPEN)
            flush(connection);
        return;
    }
    if (connection->stage == OPEN && (events & EPOLLOUT) && connection->waits_for_room)
        flush(connection);
    if (connection->stage == OPEN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        receive(connection);
}

void listen_on(int port, void (*accepted)(int fd)) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 1024) < 0)
        fail("cannot listen on port %d: %s", port, strerror(errno));
    on_accepted = accepted;
    listener.fd = fd;
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
}

static void accept_all(void) {
    int fd;
    while ((fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        on_accepted(fd);
}

static void arm(nanos wake) {
    if (wake == armed)
        return;
    armed = wake;
    struct itimerspec spec = {0};
    if (wake != NEVER) {
        spec.it_value.tv_sec = (time_t)(wake / SECOND);
        spec.it_value.tv_nsec = (long)(wake % SECOND) | 1; /* nothing at all would disarm it */
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

void connections_wait(nanos wake) {
    struct epoll_event events[EVENTS];
    arm(wake);
    int count = epoll_wait(poller, events, EVENTS, -1);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        Connection *connection = events[i].data.ptr;
        if (connection == &timer_place) {
            uint64_t times;
            if (read(timer, &times, sizeof times) > 0)
                armed = NEVER;
        } else if (connection == &listener) {
            accept_all();
        } else {
            handle(connection, events[i].events);
        }
    }
}
