/* Inside Adj-RIB-Out: shared by adjout*.c only. */
#ifndef TANDEM_BGP_ADJOUT_IMPL_H
#define TANDEM_BGP_ADJOUT_IMPL_H

#include "bgp/adjout.h"
#include "bgp/base/list.h"

enum {
    ADJOUT_BATCH = 2048,         /* nets that are bucketed together */
    ADJOUT_LOG_MIN = 256 * 1024, /* bytes; grows to ADJOUT_LOG_MAX before a member is left behind */
    ADJOUT_LOG_MAX = 4 * 1024 * 1024,
};

/* One thing to tell: a net, its attributes (0 = withdraw), and for whom. */
struct adjout_item {
    uint32_t net, attrs;
    uint16_t except, only; /* NVA numbers, 0 = nobody, everybody */
    uint32_t next;         /* of the same bucket, index + 1 */
};

/* Items by what they share, so that one UPDATE carries many prefixes. Encoding can stop after any
 * message and go on later. */
struct adjout_batch {
    struct adjout_item items[2 * ADJOUT_BATCH + 2];
    uint32_t count;
    uint32_t heads[4 * ADJOUT_BATCH], tails[4 * ADJOUT_BATCH]; /* open addressing, index + 1 */
    uint32_t used[2 * ADJOUT_BATCH + 2]; /* buckets in the order of their first item */
    uint32_t used_count, withdraw_count; /* the first of them withdraw */
    uint32_t last_slot;                  /* of the newest item */
    uint32_t at_bucket, at_item;         /* progress: bucket, item index + 1 */
    uint64_t version;                        /* of the Loc-RIB before these nets */
};

void adjout_batch_clear(struct adjout_batch *b, uint64_t version);
void adjout_batch_add(struct adjout_batch *b, uint32_t net, uint32_t attrs, uint16_t except,
                      uint16_t only);
static inline bool adjout_batch_is_done(const struct adjout_batch *b)
{
    return b->at_bucket == b->used_count && !b->at_item;
}

/* One encoded message and what it says. */
struct adjout_message {
    size_t len; /* 0: nothing; the batch is done */
    uint16_t except, only;
    uint32_t announced, withdrawn;
};

struct adjout_group;
/* Encode the next message of the batch into buf, which holds the codec's max_message. */
struct adjout_message adjout_encode(struct adjout_group *g, struct adjout_batch *b, uint8_t *buf);

/* ---- the byte log: messages in order, addressed by offsets that only grow ---- */

struct adjout_record {
    uint32_t len; /* of the message; 0 = filler up to the end of the buffer */
    uint16_t except, only;
    uint32_t announced, withdrawn;
    uint64_t version; /* of the Loc-RIB before the batch that it is of */
};

struct adjout_log {
    uint8_t *bytes;
    size_t cap; /* power of two */
    uint64_t head, tail; /* valid: tail <= offset < head */
};

/* ---- groups and members ---- */

/* What the members of a group were told of one net; attributes are references. */
struct adjout_told {
    uint32_t attrs; /* all but nva */
    uint16_t nva;   /* whose path it is; 0 also for the configuration's */
    bool is_second; /* nva itself was told something: it stands in the slab of seconds */
};

struct adjout {
    struct rib *rib;
    struct list groups;
    uint8_t *export; /* room for one exported attribute set */
    uint64_t produced;
};

struct adjout_group {
    struct list all, members;
    struct adjout *adjout;
    struct adjout_rules rules;
    struct rib_audience audience;
    uint64_t position; /* in the Loc-RIB order */
    struct slab told, seconds; /* by place: struct adjout_told, uint32_t */
    struct adjout_batch *batch;
    struct adjout_log log;
    uint64_t too_long; /* routes that fit no message of these members */
};

struct adjout_member {
    struct list all;
    struct adjout_group *group;
    uint16_t nva;
    bool attached;      /* reads the log at offset; else walks by position */
    bool marks_refresh; /* RFC 7313 was agreed on */
    bool wants_begin;   /* a refresh is to be announced (RFC 7313) */
    bool wants_end;     /* the end of the catch-up is to be told … */
    bool is_refresh;    /* … as that of a refresh; else as End-of-RIB */
    uint64_t offset, position;
    uint64_t untold; /* a walk up to here meets nets of which it was told nothing: no withdrawals */
    struct adjout_batch *batch; /* while walking */
    struct adjout_stats stats;
};

#endif
