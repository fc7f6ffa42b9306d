/* Inside the core: the other nodes, their links and what they say. */
#ifndef TANDEM_NODE_CORE_MEMBERS_IMPL_H
#define TANDEM_NODE_CORE_MEMBERS_IMPL_H

#include "node/core/core.h"

#include "replication/stream.h"

struct core_conn;

struct core_member {
    const struct config_node *node;
    struct repl_member life;
    struct core_conn *link;    /* authenticated, current */
    struct core_conn *dialling;
    struct repl_party parties[2]; /* its key, and while it is rotated the next one */
    size_t party_count;
    unsigned attempt;  /* which of its keys and our secrets the next dial begins with */
    uint64_t rekey_ms; /* the link is not replaced for newer keys before */
    bool key_unlisted; /* it uses a key that is not in the configuration */
    uint64_t renew_ms; /* the link is to be replaced then: by the lower node id, before it is broken */
    unsigned hung_up; /* dials in a row that it closed during the handshake */
    uint16_t minor, algo_max; /* of its hello: the protocol's that both speak, and its newest algorithm */
    struct repl_sender senders[REPL_NODES_MAX + 1]; /* what it reads from us, by origin */
    struct repl_replica replica;
    struct core_member *source; /* whom its stream is read from: itself, or another with a copy; NULL: nobody */
    struct core_member *parts_of; /* whom its stream was read from since the last cut; NULL: nothing was read since */
    uint64_t read_ms; /* all that it had said by then is here; 0: nothing of this life was read to its end */
    char version[REPL_VERSION_MAX + 1]; /* of its program, as its last hello said; "" = none did */
    uint64_t begun_ms; /* it started, as the same says */
    uint64_t bytes_in, bytes_out; /* of its links */
    uint64_t told_life; /* the latest that anybody has told of */
    uint64_t counter; /* of the newest beat of that life that anybody heard of it */
    uint64_t told_ms; /* when that was news here */
    uint64_t came_ms; /* it is here, and was not before; 0: it is not */
    uint64_t gone_incarnation; /* its life when it was found away: its stream may bring a later one before beats do */
    struct repl_beat heard;    /* the last one */
    uint64_t heard_beat_ms;
    uint64_t config_generation; /* of its hello, or its last beat */
    bool config_differs;
    bool has_heard;
    bool digest_compared, digest_equal;
    uint64_t differing;    /* bit per bucket of the digest, by its last breakdown */
    uint64_t breakdown_ms; /* ours goes out again then */
    char last_error[160];
};

/* core_cluster.c */
void core_cluster_init(struct core *c);
void core_cluster_set_times(struct core *c);
/* A count of starts with chance in the low bits: equal ones are of the same life, even when a lost
 * disk makes a node count from the beginning. */
uint64_t core_incarnation(const struct core *c, uint64_t starts);
void core_cluster_fini(struct core *c);
struct core_conn *core_cluster_accept(struct core *c, const struct ip_addr *remote);
void core_cluster_drain(struct core *c, struct core_conn *conn);
void core_cluster_fill(struct core *c, struct core_conn *conn);
void core_cluster_connected(struct core *c, struct core_conn *conn);
void core_cluster_closed(struct core *c, struct core_conn *conn, enum core_close how);
void core_cluster_tick(struct core *c);
void core_cluster_stop(struct core *c);
void core_cluster_rearm(struct core *c);
uint64_t core_cluster_deadline(const struct core *c);
/* It is either alive and a cut of it was seen, or known to be away. */
bool core_member_caught_up(const struct core *c, const struct core_member *m);
/* Every other node is. */
bool core_cluster_caught_up(const struct core *c);
/* The node is there, as far as this one knows. */
bool core_member_is_here(const struct core_member *m);
void core_member_state(struct core *c, struct core_member *m, const char *reason);
const char *core_member_subject(const struct core_member *m, char *buf, size_t cap); /* "node=NAME" */
/* NULL for our own id, and for those that are not configured. */
struct core_member *core_member_of(struct core *c, uint32_t id);

/* core_streams.c */
/* A link with it is up, or is no more: who is read from whom is found anew. */
void core_streams_linked(struct core *c, struct core_member *m, uint64_t incarnation);
void core_streams_unlinked(struct core *c, struct core_member *m);
/* Are there routes of a node that is here that we have not, though we read it? */
bool core_streams_lack(const struct core *c, const struct core_member *m);
/* NVAs have come, or gone there: what other nodes said of them before is asked for again. */
void core_streams_read_again(struct core *c);
void core_streams_choose(struct core *c);
void core_streams_send(struct core *c);
/* As much of them is on its way as a beat may wait behind: there is more once some of it has gone. */
bool core_streams_are_held(const struct core *c, const struct core_conn *conn);
/* Lowest own version that every living replica has. */
uint64_t core_streams_acked(const struct core *c);
/* All that the node has said is here, as of now. */
bool core_streams_is_current(const struct core *c, const struct core_member *m);
/* A node came back a moment ago, and that is not so yet: what was lost elsewhere may be announced there. */
bool core_streams_await(const struct core *c);
/* Deletion rule (ii) for what is withdrawn: in the order of a stream what an NVA announces in its place, as by another path id,
 * may stand behind it. Does what goes wait for the rest of one? since_ms: since when, of whoever asks; has_all: he is through with
 * all that is here. */
bool core_streams_hold(const struct core *c, uint64_t *since_ms, bool has_all);
/* And of the nodes that are away all that the others, each of whom has said what it has, hold of them. */
bool core_streams_hold_all(const struct core *c);
void core_on_subscribe(struct core *c, struct core_member *m, const struct repl_msg *msg);
void core_on_batch(struct core *c, struct core_member *m, const struct repl_msg *msg);
void core_on_reset(struct core *c, struct core_member *m, const struct repl_msg *msg);

/* core_keys.c */
struct core_choice { /* what to dial with */
    const struct repl_party *party;
    const struct repl_secrets *secrets;
};
void core_keys_init(struct core *c);
void core_keys_fini(struct core *c);
void core_keys_list(struct core_member *m);
/* As its beats say, or else by the number of attempts, of which there are so many. */
struct core_choice core_keys_choose(const struct core *c, const struct core_member *m);
unsigned core_keys_choices(const struct core *c, const struct core_member *m);
void core_keys_proven(struct core *c, struct core_member *m, struct core_conn *conn,
                      const struct repl_party *party);
/* Have both sides of its link something newer than what it was made with? */
bool core_keys_are_outdated(const struct core *c, const struct core_member *m);
void core_keys_say(const struct core *c, struct repl_beat *b);
void core_keys_heard(struct core *c, struct core_member *m);
/* Is its digest under our key? */
bool core_keys_compare(const struct core *c, const struct core_member *m);
/* The net has another set: in the digest that is on its way through the prefixes, if it has been there. */
void core_rekey_changed(struct core *c, uint32_t net, uint32_t old_set, uint32_t new_set);
void core_keys_tick(struct core *c);
const char *core_key_text(const uint8_t id[static REPL_KEY_ID], char text[static 2 * REPL_KEY_ID + 1]);

/* core_living.c */
uint16_t core_algo(const struct core *c);
/* What an origin is here, for vectors: its class, whether its held copies have expired, what is held of earlier
 * lives, and whether it is grey. */
uint8_t core_origin_status(const struct rib_origin *o);
/* … and what others are told of it: who was not heard since we slept is held here, whether we know that yet or not. A copy of
 * before, told as a live one, would be all that they have to hear of it. */
uint8_t core_living_status(const struct core *c, uint32_t id);
void core_evidence_tick(struct core *c);
void core_living_beat(struct core *c);
/* After a pause: nobody's sessions are evidence before they have been heard again. */
void core_living_woke(struct core *c);
void core_living_tick(struct core *c);
void core_living_heard(struct core *c, const struct core_member *m);

/* core_heard.c */
/* What this node says of the others in its beat, and what it believes of what one of them says. */
void core_heard_say(const struct core *c, struct repl_beat *beat);
void core_heard_take(struct core *c, const struct core_member *from);
/* A beat of its own, directly. */
void core_heard_beat(struct core *c, struct core_member *m, uint64_t counter);
const struct repl_heard *core_heard_of(const struct core_member *teller, const struct core_member *m);

/* core_beat.c */
void core_beat(struct core *c);
void core_compare_digests(struct core *c, struct core_member *m);
void core_on_breakdown(struct core *c, struct core_member *m, const struct repl_msg *msg);
void core_positions(const struct core *c, struct repl_beat *beat);
bool core_digest_is_comparable(const struct core *c);
/* Its file is ours, or it is not: told when it changes. */
void core_compare_configs(struct core *c, struct core_member *m, const uint8_t digest[static REPL_DIGEST],
                          uint64_t generation);
/* Somebody remembers a later life of ours than this one. */
void core_cluster_raise(struct core *c, uint64_t seen);

#endif
