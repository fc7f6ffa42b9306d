/* Nets that wait for something, in the order of their places: those that came together, and so share
 * their attributes, leave together. Adding never fails: room is made with each net (see rib.c). */
#ifndef TANDEM_BGP_RIB_QUEUE_H
#define TANDEM_BGP_RIB_QUEUE_H

#include "bgp/base/bitset.h"
#include "bgp/rib/prefix_table.h"

struct rib_queue {
    struct bitset places[BGP_FAMILIES];
    uint32_t at; /* place from which the next one is looked for */
    uint8_t family;
};

static inline uint32_t rib_queue_count(const struct rib_queue *q)
{
    return q->places[BGP_IP4].count + q->places[BGP_IP6].count;
}

static inline void rib_queue_add(struct rib_queue *q, uint32_t net)
{
    bitset_add(&q->places[prefix_index_family(net)], prefix_index_place(net));
}

static inline void rib_queue_remove(struct rib_queue *q, uint32_t net)
{
    bitset_remove(&q->places[prefix_index_family(net)], prefix_index_place(net));
}

/* The next member, which stays; 0: none. Families take turns, once around each. */
uint32_t rib_queue_next(struct rib_queue *q);

/* … taken out: mostly it stands behind the last one, in the same word. */
static inline uint32_t rib_queue_take(struct rib_queue *q)
{
    struct bitset *b = &q->places[q->family];
    uint32_t place = bitset_next_here(b, q->at);
    if (place != UINT32_MAX) {
        q->at = place + 1;
        bitset_drop(b, place);
        return prefix_index((enum bgp_family)q->family, place);
    }
    uint32_t net = rib_queue_next(q);
    if (net)
        bitset_drop(&q->places[prefix_index_family(net)], prefix_index_place(net));
    return net;
}

#endif
