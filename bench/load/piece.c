/* Chunks with their stamps. */
#include "piece.h"
#include "counters.h"
#include "options.h"

#include <time.h>

void put_digits(char *at, uint64_t value, unsigned digits) {
    while (digits > 0) {
        at[--digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

size_t put_number(char *at, uint64_t value) {
    unsigned digits = 1;
    for (uint64_t rest = value; rest >= 10; rest /= 10)
        digits++;
    put_digits(at, value, digits);
    return digits;
}

const char *iso_now(nanos now) {
    static char text[40];
    static nanos made_at;
    if (made_at == 0 || now - made_at >= SECOND / 1000) {
        struct timespec wall;
        struct tm parts;
        clock_gettime(CLOCK_REALTIME, &wall);
        gmtime_r(&wall.tv_sec, &parts);
        size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text + size, sizeof text - size, ".%03ldZ", wall.tv_nsec / 1000000);
        made_at = now;
    }
    return text;
}

void piece_begin(Piece *piece) {
    piece->text.start = piece->text.end = 0;
    piece->hash = 0;
}

void piece_stamp(Piece *piece, uint32_t number, nanos now) {
    char *frame = piece->frame;
    put_digits(frame + piece->number_at, number, STAMP_DIGITS);
    put_digits(frame + piece->time_at, (now - origin) / 100, TIME_DIGITS);
    if (options.dialect != CABLE)
        return;
    uint32_t hash = piece->hash * 31 + 0x7b2c;
    for (unsigned i = 0; i < STAMP_DIGITS; i++)
        hash = hash * 31 + (uint32_t)frame[piece->number_at + i];
    hash = (hash * 31 + 0x6bb5) * 31 + ' ';
    for (unsigned i = 0; i < TIME_DIGITS; i++)
        hash = hash * 31 + (uint32_t)frame[piece->time_at + i];
    piece->hash = hash;
    buffer_append(&piece->text, frame + piece->number_at - (sizeof STAMP_HEAD - 1), STAMP_SIZE);
}
