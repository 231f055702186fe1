/* nchan's own way: a WebSocket for each channel. */
#ifndef PUBLISHER_H
#define PUBLISHER_H

#include "answer.h"

/* One for each answer. */
void publishers_open(void);

extern const Source PUBLISHING;

#endif
