/* One connection of the channel as a machine: preface, Noise handshake, sealed frames.
 *
 *   Noise_KKpsk0_25519_ChaChaPoly_SHA512 with the preface as prologue, HELLO in both payloads, then
 *   one secretstream per direction. The first frame of each is CONFIRM, bound to the handshake hash:
 *   no side reports LINK_UP before it opened the other's, so whatever was replayed or changed until
 *   then moves nothing. An orderly close carries the FINAL tag; a close without it is a failure.
 *   Rekey every 1 GiB or 10 minutes.
 *
 * The same five verbs as a BGP session. feed consumes at most one frame a call: take the events,
 * then feed again. Source: the replication design, authenticated channel; Noise revision 34. */
#ifndef TANDEM_REPLICATION_LINK_H
#define TANDEM_REPLICATION_LINK_H

#include "replication/codec.h"
#include "replication/keys.h"

enum repl_role { REPL_ROLE_NODE = 1, REPL_ROLE_AGENT = 2 };

/* A party that may be at the other end. */
struct repl_party {
    uint8_t role;      /* enum repl_role */
    uint32_t id;       /* node id; agents: number chosen by the caller, not on the wire */
    uint8_t public_key[REPL_KEY];
    uint8_t key_id[REPL_KEY_ID]; /* of public_key: what a preface names */
};

struct repl_party repl_party(uint8_t role, uint32_t id, const uint8_t public_key[static REPL_KEY]);

struct repl_link_cfg {
    bool initiator;
    uint8_t role;      /* of this side */
    uint8_t cluster_id[16];
    const struct repl_identity *identity; /* borrowed for the life of the link */
    const struct repl_secrets *secrets;   /* borrowed; of the cluster, or of the agents */
    const struct repl_secrets *next_secrets;  /* responder: another one that nodes may use, while the secret
                                             is rotated; NULL = none; borrowed */
    const struct repl_secrets *agent_secrets; /* responder: for agents; borrowed */
    const struct repl_secrets *next_agent_secrets; /* … while it is rotated; both NULL = no agents */
    const struct repl_party *parties;     /* who may connect; the initiator has exactly one. Borrowed
                                             until LINK_UP or FAILED */
    size_t party_count;
    struct repl_hello hello;              /* ours; what a responder says depends on the party: the callee
                                             fills your_incarnation from `seen`, an agent's minor */
    uint64_t seen[REPL_NODES_MAX + 1];    /* highest incarnation seen, by node id */
};

enum repl_link_event_kind {
    REPL_LINK_UP,      /* authenticated: .party, .hello */
    REPL_LINK_MSG,     /* .msg, valid until the next feed */
    REPL_LINK_FAILED,  /* .failure, .text; close the connection. At most once, and the last */
    REPL_LINK_ENDED,   /* the other side closed in order (FINAL) */
};

enum repl_link_failure {
    REPL_FAIL_NONE,
    REPL_FAIL_PREFACE,   /* not our protocol, or a stranger: one hash was spent on it */
    REPL_FAIL_CLUSTER,   /* another cluster's node, or a wrong secret: preface not authentic */
    REPL_FAIL_PARTY,     /* no such node or key in our configuration */
    REPL_FAIL_ADDRESSEE, /* meant for another node, or for a key that is not ours (any more) */
    REPL_FAIL_HANDSHAKE, /* a tag did not verify: wrong key */
    REPL_FAIL_VERSION,   /* no protocol version in common */
    REPL_FAIL_FRAME,     /* a sealed frame did not open, or is out of bounds */
    REPL_FAIL_MESSAGE,   /* opened, but malformed */
    REPL_FAIL_TIMEOUT,   /* handshake not finished in 5 s */
    REPL_FAIL_TRUNCATED, /* closed without FINAL */
    REPL_FAIL_NOMEM,
};

struct repl_link_event {
    uint8_t kind;    /* enum repl_link_event_kind */
    uint8_t failure; /* enum repl_link_failure */
    const char *text; /* static: what happened and what to do */
    const struct repl_party *party;
    const struct repl_hello *hello;
    const struct repl_msg *msg;
};

struct repl_link;

struct repl_link *repl_link_new(const struct repl_link_cfg *cfg, uint64_t now_ms);
void repl_link_free(struct repl_link *l); /* wipes all secrets */

/* data, len  any split of the stream, borrowed; returns bytes consumed, at most one frame */
size_t repl_link_feed(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms);
void repl_link_tick(struct repl_link *l, uint64_t now_ms);
bool repl_link_next(struct repl_link *l, struct repl_link_event *out);
size_t repl_link_pull(struct repl_link *l, uint8_t *buf, size_t cap);
uint64_t repl_link_deadline(const struct repl_link *l);

/* The transport closed: gives FAILED (TRUNCATED) unless FINAL was seen. */
void repl_link_closed(struct repl_link *l);

bool repl_link_is_up(const struct repl_link *l);
/* Bytes queued and not yet pulled. */
size_t repl_link_queued(const struct repl_link *l);
/* Seal and queue a message. 0, REPL_ERR_SPACE (256 KiB wait already: try after a pull), REPL_ERR_NOMEM. */
int repl_link_send(struct repl_link *l, const struct repl_msg *m, uint64_t now_ms) MUST_USE;
/* The same for a message that was encoded before: one encoding serves many links. */
int repl_link_send_payload(struct repl_link *l, const uint8_t *payload, size_t len,
                           uint64_t now_ms) MUST_USE;
/* Queue the FINAL frame: an orderly end. */
void repl_link_finish(struct repl_link *l, uint64_t now_ms);

/* Which secret the handshake was made with: its psk_id. Before LINK_UP: none, 0. */
uint32_t repl_link_secret_id(const struct repl_link *l);

#endif
