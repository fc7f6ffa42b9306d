/* What the bodies of the kernel target share. */
#ifndef TANDEM_NODE_TARGETS_NETLINK_INTERNAL_H
#define TANDEM_NODE_TARGETS_NETLINK_INTERNAL_H

#include "node/targets/netlink.h"
#include "node/targets/netlink_msg.h"
#include "node/targets/netlink_nexthop.h"
#include "node/targets/netlink_socket.h"

/* Beside the program's entry of a prefix: which object its route in the kernel uses. */
struct route_note {
    uint32_t slot;     /* reference held, 0 = none or an object that is not ours */
    uint8_t mark;      /* dump that saw it, or that ran when an operation changed it */
    bool is_forgotten; /* to be released when the running dump has ended */
    uint8_t heir;      /* of takeover.heirs, while it is asked for */
};

/* A walk over the notes of both families: the last one seen. */
struct route_walk {
    uint8_t family;
    uint32_t place;
};

struct dump {
    bool is_running, is_first; /* the first one is inheritance */
    bool is_comparing;         /* it was read, and what it has not shown is looked for */
    uint8_t family;            /* enum bgp_family: being read */
    uint8_t mark;
    struct route_walk walk;
    uint32_t differences;
    uint64_t started_ms, ended_ms, took_ms; /* the latter two: of the last complete one */
};

enum { TAKEOVER_HEIRS = 15 };
enum takeover_phase {
    TAKEOVER_RESTS,
    TAKEOVER_FORESEES, /* asks what will become of each of its routes */
    TAKEOVER_PARTS,    /* writes those that do not go with the others */
};

/* A set of next hops whose objects go over to another one; see netlink_takeover.c. */
struct takeover {
    uint8_t phase;  /* enum takeover_phase */
    uint32_t nhset; /* a reference */
    uint32_t twin;  /* slot of those that stay with it; a reference, 0 = all go */
    struct route_walk walk;
    struct takeover_heir {
        uint32_t nhset;          /* a reference */
        uint32_t goal;           /* the set that its routes are sent to meanwhile: this one, or the old one */
        uint32_t routes, bereft; /* bereft: of the routes */
    } heirs[TAKEOVER_HEIRS];
    uint8_t heir_count;
    uint8_t heir;    /* whose content it gets */
    uint32_t routes; /* of the set */
    bool has_failed;
    uint32_t refused; /* this set could not go over, and is not looked at again … */
    uint64_t refused_ms; /* … before */
};

/* Walks for what was foreseen and did not come about. */
struct settling {
    uint64_t at_ms; /* 0 = there is nothing to look for */
    uint32_t left;  /* so many times it may still be on its way */
    bool is_open;   /* the running walk has found some that are */
    struct route_walk walk;
};

struct netlink {
    struct netlink_cfg cfg;
    struct nl_owner owner;
    struct nl_socket ops, dumps, monitor;
    int table_lock, range_lock; /* abstract sockets, -1 = none */
    struct nexthops nexthops;
    struct slab notes[BGP_FAMILIES]; /* struct route_note, by place */
    struct dump dump;
    struct takeover takeover;
    struct settling settle;
    uint64_t resync_at_ms;
    bool is_retry_due; /* after the next dump, try everything that failed */
    bool is_deaf;      /* notifications were lost, and are until the buffer was read to its end */
    struct netlink_status status;
    uv_poll_t monitor_poll, dump_poll;
    uv_timer_t timer;
    uv_idle_t soon; /* there is more to do at once, in the next round of the loop: a timer would keep it from the sockets */
    uint32_t open_handles;
};

static inline bool netlink_is_dumping(const struct netlink *n)
{
    return n->dump.is_running || n->dump.is_comparing;
}

/* The note of a prefix, NULL when memory ends. */
struct route_note *netlink_note(struct netlink *n, uint32_t prefix);
/* The route of this prefix uses this slot now; the old one is released. */
void netlink_bind(struct netlink *n, struct route_note *note, uint32_t slot);
void netlink_tell(struct netlink *n, enum netlink_event_kind kind, uint32_t count,
                  const char *text);
bool netlink_is_ours(const struct netlink *n, const struct nl_route *r);
/* A resync no later than this. */
void netlink_resync_by(struct netlink *n, uint64_t at_ms);
/* The kernel has, or no longer has (nhset 0), this route of ours; BGP_ERR_NOMEM. */
int netlink_observed(struct netlink *n, uint32_t prefix, uint32_t nhset, uint32_t slot) MUST_USE;

/* Tells the owner when the program no longer knows this prefix; not before the end of a running dump,
 * which may still show the route and must find its mark. */
void netlink_release_forgotten(struct netlink *n, uint32_t prefix);

/* Each does a slice of its work; true: there is more to do now. */
bool netlink_listen(struct netlink *n, uint64_t now_ms);  /* notifications */
bool netlink_operate(struct netlink *n, uint64_t now_ms); /* operations of the program */
/* At most 256 routes of ours have these sets from now on, before the program knows. False: not all of them do. */
struct route_move {
    uint32_t prefix, nhset;
};
bool netlink_move(struct netlink *n, const struct route_move *moves, uint32_t count, uint64_t now_ms);
/* So many routes have just left this slot for another: perhaps it is to go over as a whole. */
void netlink_takeover_look(struct netlink *n, uint32_t slot, uint32_t leavers, uint64_t now_ms);
/* While it works, operations wait. */
bool netlink_takeover_step(struct netlink *n, uint64_t now_ms);
/* Whatever it was about, it is not any more. */
void netlink_takeover_end(struct netlink *n);
bool netlink_settle(struct netlink *n, uint64_t now_ms);
/* Starts a dump: compares the nexthop objects, asks for the routes. 0 or a negative errno. */
int netlink_dump_start(struct netlink *n, uint64_t now_ms) MUST_USE;
/* Reads a slice of it. A failure ends the dump and plans another. */
bool netlink_dump_step(struct netlink *n, uint64_t now_ms);

#endif
