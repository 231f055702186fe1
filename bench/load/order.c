/* Which numbers have come: lost, doubled, reordered. */
#include "order.h"
#include "memory.h"
#include "options.h"

#include <string.h>

static size_t bytes_for_all(void) { return options.chunks / 8 + 1; }

void order_begin(Order *order) {
    if (order->missing_count > 0)
        memset(order->missing, 0, bytes_for_all());
    order->next = order->missing_count = 0;
}

void order_note(Order *order, uint32_t number, Faults *faults) {
    if (number == order->next) {
        order->next++;
        return;
    }
    if (number >= options.chunks) {
        faults->doubled++; /* nobody has sent it */
        return;
    }
    if (number > order->next) {
        if (order->missing == NULL)
            order->missing = allocate(bytes_for_all(), 1);
        for (uint32_t each = order->next; each < number; each++) {
            order->missing[each / 8] |= (uint8_t)(1U << (each % 8));
            order->missing_count++;
            faults->lost++;
        }
        order->next = number + 1;
    } else if (order->missing != NULL && (order->missing[number / 8] & (1U << (number % 8)))) {
        order->missing[number / 8] &= (uint8_t)~(1U << (number % 8));
        order->missing_count--;
        faults->lost--;
        faults->reordered++;
    } else {
        faults->doubled++;
    }
}

void order_end(Order *order, uint32_t total, Faults *faults) {
    if (order->next < total)
        faults->lost += total - order->next;
}
