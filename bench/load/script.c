/* A turn that is replayed with its own times, order and text. The file has one line for each
 * message, its fields divided by tabs, everything escaped already as it is to be written:
 *
 *   chunk <µs> <sequence> <escaped twice>      in the order of their times
 *   end <µs>
 *   summary <µs> <hash> <whole text, escaped twice>
 *   piece <escaped once>                       in the order of their sequence
 */
#define _GNU_SOURCE
#include "script.h"
#include "connection.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Script script;

static char *next_field(char **rest) {
    char *field = strsep(rest, "\t");
    if (field == NULL)
        fail("a line of the script is too short");
    return field;
}

void script_read(const char *path, Script *into) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail("cannot read %s", path);
    char *line = NULL;
    size_t room = 0, pieces = 0;
    Buffer expected = {0};
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *rest = line, *kind = next_field(&rest);
        if (strcmp(kind, "chunk") == 0) {
            into->lines = reallocate(into->lines, (into->count + 1) * sizeof *into->lines);
            ScriptLine *each = &into->lines[into->count++];
            each->at = strtoull(next_field(&rest), NULL, 10) * 1000;
            each->sequence = (uint32_t)strtoul(next_field(&rest), NULL, 10);
            each->said = strdup(next_field(&rest));
            each->said_size = strlen(each->said);
        } else if (strcmp(kind, "end") == 0) {
            into->end_at = strtoull(next_field(&rest), NULL, 10) * 1000;
        } else if (strcmp(kind, "summary") == 0) {
            into->summary_at = strtoull(next_field(&rest), NULL, 10) * 1000;
            into->hash = strdup(next_field(&rest));
            into->total = strdup(next_field(&rest));
        } else if (strcmp(kind, "piece") == 0) {
            const char *text = next_field(&rest);
            buffer_append(&expected, text, strlen(text));
            into->until = reallocate(into->until, (pieces + 1) * sizeof *into->until);
            into->until[pieces++] = buffer_size(&expected);
        }
    }
    free(line);
    fclose(file);
    if (into->count == 0 || pieces != into->count || into->total == NULL)
        fail("%s is no whole script", path);
    for (uint32_t i = 0; i < into->count; i++)
        if (into->lines[i].sequence >= into->count)
            fail("%s skips a sequence", path);
    into->expected = expected.data;
    into->expected_size = buffer_size(&expected);
}
