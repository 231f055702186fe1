/* What a bot says. */
#ifndef BOT_SPEECH_H
#define BOT_SPEECH_H

#include "answer.h"

extern const Source BOT_SPEECH;

#endif
