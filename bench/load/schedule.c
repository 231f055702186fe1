/* A heap of those who have something to do. */
#include "schedule.h"
#include "memory.h"

static Due **heap;
static unsigned count;

static void put(unsigned at, Due *due) {
    heap[at] = due;
    due->place = at;
}

static void sift(unsigned at, Due *due) {
    while (at > 0 && heap[(at - 1) / 2]->at > due->at) {
        put(at, heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child + 1 < count && heap[child + 1]->at < heap[child]->at)
            child++;
        if (child >= count || heap[child]->at >= due->at)
            break;
        put(at, heap[child]);
        at = child;
    }
    put(at, due);
}

void schedule_begin(unsigned room) { heap = allocate(room + 1, sizeof *heap); }

void schedule_add(Due *due, nanos at) {
    due->at = at;
    put(count, due);
    count++;
    sift(due->place, due);
}

void schedule_set(Due *due, nanos at) {
    due->at = at;
    sift(due->place, due);
}

Due *schedule_first(void) { return count > 0 ? heap[0] : NULL; }
