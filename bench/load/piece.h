/* A chunk as it goes out: its number, its time, and the text that they make. */
#ifndef PIECE_H
#define PIECE_H

#include "connection.h"

#include <stdint.h>

#define FRAME_ROOM 1024
#define STAMP_HEAD "\xe7\xac\xac" /* 第 */
#define STAMP_TAIL "\xe6\xae\xb5 " /* 段 and a space */
#define STAMP_DIGITS 5
#define TIME_DIGITS 12 /* of 100 ns since the origin */
#define STAMP_SIZE (sizeof STAMP_HEAD - 1 + STAMP_DIGITS + sizeof STAMP_TAIL - 1 + TIME_DIGITS)

typedef struct {
    char frame[FRAME_ROOM]; /* of a chunk, up to the digits of its sequence */
    size_t size, number_at, time_at;
    Buffer text; /* what was sent in this turn, for the summary */
    uint32_t hash;
} Piece;

void piece_begin(Piece *piece);
/* Put the number and the time into the frame's stamp and into the turn's text. */
void piece_stamp(Piece *piece, uint32_t number, nanos now);

/* Eight digits or so, with leading zeros. */
void put_digits(char *at, uint64_t value, unsigned digits);
size_t put_number(char *at, uint64_t value);
const char *iso_now(nanos now); /* 24 characters */

#endif
