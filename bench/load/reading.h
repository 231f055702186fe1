/* What the events of an answer say. */
#ifndef READING_H
#define READING_H

#include "reader.h"

extern const Hearing READING;

#endif
