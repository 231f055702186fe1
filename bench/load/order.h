/* Which numbers have come: lost, doubled, reordered. */
#ifndef ORDER_H
#define ORDER_H

#include <stdint.h>

typedef struct {
    uint64_t lost, doubled, reordered;
} Faults;

/* Numbers from 0 as they come; those skipped are remembered until they come after all. */
typedef struct {
    uint32_t next;
    uint32_t missing_count;
    uint8_t *missing;
} Order;

void order_begin(Order *order);
void order_note(Order *order, uint32_t number, Faults *faults);
/* All `total` numbers should have come. */
void order_end(Order *order, uint32_t total, Faults *faults);

#endif
