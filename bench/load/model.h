/* An OpenAI-compatible server. */
#ifndef MODEL_H
#define MODEL_H

#include "answer.h"

void model_start(void);

extern const Source MODEL_SPEECH;

#endif
