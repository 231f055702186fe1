/* What is counted while it runs. */
#include "counters.h"

#include <stdio.h>

Report report;
Phase phase = LINKING;
nanos origin;
unsigned linked_count, greeted_count;

bool is_measuring(void) { return phase == MEASURING; }

void note_surprise(const char *what, const char *data, size_t size) {
    report.surprises++;
    if (report.surprise[0] != 0)
        return;
    int at = snprintf(report.surprise, sizeof report.surprise, "%s%s", what, size ? ": " : "");
    for (size_t i = 0; i < size && (size_t)at + 1 < sizeof report.surprise; i++)
        report.surprise[at++] = data[i] == '"' || data[i] == '\\' || (unsigned char)data[i] < ' '
                                    ? '\''
                                    : data[i];
    while (at > 0 && (report.surprise[at - 1] & 0x80)) /* a character that may be cut */
        at--;
    report.surprise[at] = 0;
}
