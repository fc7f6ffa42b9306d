/* What the bodies of the program share: its prefixes, and the lists they stand on. */
#ifndef TANDEM_NODE_PROGRAM_IMPL_H
#define TANDEM_NODE_PROGRAM_IMPL_H

#include "node/program/program.h"

enum { RETRY_LEVELS = 16 };

enum list_name { OFF, PUT, DELETE, LOST, MERGE, RETRY, LISTS = RETRY + RETRY_LEVELS };

enum entry_flag {
    IN_FLIGHT = 1 << 0,
    BACKOFF = 1 << 1,   /* the last operation failed and is not yet due again */
    FAILED = 1 << 2,    /* the last operation failed */
    WITHDRAWN = 1 << 3, /* wanted is 0 by explicit withdrawal; without it the cause is a loss */
    INHERITED = 1 << 4, /* it came by inherit */
    CLAIMED = 1 << 5,   /* the owner wanted the actual set at some time */
    COUNTED_WANTED = 1 << 6, /* what program_stats knows about this prefix */
    COUNTED_INSTALLED = 1 << 7,
    COUNTED_FAILED = 1 << 8,
    COUNTED_INHERITED = 1 << 9,
    HEARSAY = 1 << 10, /* another writer put the actual set, or left it there, and the owner did not want it */
    DISPROVED = 1 << 11, /* it came by inherit, and what is not wanted of it is not announced any more */
    LEAVES = 1 << 12,    /* it is lost, and wanted is what of it the brake may hold: once it stands there, it is on LOST */
    MAY_GO = 1 << 13,    /* its removal was sent, or was about to be, and may be carried out yet */
};

struct entry {
    uint32_t wanted, actual; /* nhset ids, each with a reference */
    uint32_t prev, next;     /* prefix indices on the same list */
    uint32_t due_ms; /* RETRY, LOST, and since when IN_FLIGHT: low bits of the time, delays stay far below their range */
    uint16_t flags;
    uint8_t list, tries;
};

struct chain {
    uint32_t head, tail, count;
    uint32_t pick, left; /* of a round of program_pick: whose turn it is, and how many it has not come to */
};

struct program {
    struct program_cfg cfg;
    struct nhset_table *sets;
    struct slab entries[BGP_FAMILIES]; /* struct entry, by place */
    struct slab kept[BGP_FAMILIES];    /* uint32_t, by place, in merge mode: inherited, and something else was put in its place */
    uint8_t forgotten_family; /* it converges: what is kept is forgotten up to … */
    uint32_t forgotten;       /* … this place; then nothing is merged any more */
    uint8_t dissolved_family; /* its end: entries up to … */
    uint32_t dissolved;       /* … this place have let go what they held */
    struct chain chains[LISTS];
    uint32_t again[LISTS]; /* of a list's first: their back-off is over, whatever it was */
    uint32_t
        judge_next; /* of the list MERGE or LOST: it and those behind it are to be placed anew; 0 = none */
    const struct ip_addr *lost; /* borrowed: next hops that were lost a moment ago */
    size_t lost_count;
    struct ip_addr told[PROGRAM_TOLD_MAX]; /* whose routes on the list LOST were withdrawn */
    size_t told_count;                     /* 0 = there is nothing to be judged by them */
    uint64_t judged_ms; /* the last slice of them was */
    uint64_t now_ms;
    bool converges;
    bool is_heard;             /* any NVA, by any node */
    bool is_awaited;           /* a node that came back a moment ago */
    bool holds_deletions;      /* the owner is not through yet */
    bool reads_late;           /* what it inherits is hearsay */
    uint64_t hearsay_until_ms; /* 0 = it is not held */
    uint64_t brake_until_ms;   /* nothing LOST goes before: sessions have just come back */
    uint64_t window_until_ms;  /* losses are counted together for one brake_hold_ms */
    uint32_t window_table, window_lost;
    struct program_stats stats;
};

/* NULL: nothing was ever known of the prefix. */
static inline struct entry *program_entry(const struct program *p, uint32_t prefix)
{
    enum bgp_family f = prefix_index_family(prefix);
    uint32_t place = prefix_index_place(prefix);
    return place < p->entries[f].top ? slab_at(&p->entries[f], place) : NULL;
}

/* The inherited set, in whose place something else was put; NULL: nothing was ever kept there. */
static inline uint32_t *program_kept_at(const struct program *p, uint32_t prefix)
{
    const struct slab *sets = &p->kept[prefix_index_family(prefix)];
    uint32_t place = prefix_index_place(prefix);
    return place < sets->top ? slab_at(sets, place) : NULL;
}

/* 0 = none. */
static inline uint32_t program_kept(const struct program *p, uint32_t prefix)
{
    const uint32_t *set = program_kept_at(p, prefix);
    return set ? *set : 0;
}

/* The entry of a prefix, made where there is none; NULL when memory ends. */
struct entry *program_make_entry(struct program *p, uint32_t prefix);
/* From a list, on a list, with what program_stats says of it. */
void program_take_off(struct program *p, struct entry *e);
void program_put_on(struct program *p, uint32_t prefix, struct entry *e, enum list_name list);
/* Whose turn it is on a list, 0 = nobody's; it has to leave the list. */
uint32_t program_pick(struct program *p, enum list_name list);
/* What program_stats says of this prefix. */
void program_count(struct program *p, struct entry *e);

/* A field that holds a reference. */
void program_set_ref(struct program *p, uint32_t *field, uint32_t nhset);
/* Where memory ends it is forgotten. */
void program_keep(struct program *p, uint32_t prefix, uint32_t nhset);
void program_keep_no_more(struct program *p, uint32_t prefix);

#endif
