/* Inside the core: host agents, and the table that they are served. */
#ifndef TANDEM_NODE_CORE_AGENTS_IMPL_H
#define TANDEM_NODE_CORE_AGENTS_IMPL_H

#include "node/core/core.h"

#include "replication/digest.h"
#include "replication/link.h"

enum {
    CORE_AGENT_QUEUED = 8 * 1024, /* bytes on the way to one agent, before another frame */
    CORE_TABLE_FRAMES = 32,       /* batches kept as they were encoded */
    CORE_TABLE_GROUPS = 512,      /* of one batch to an agent */
    CORE_TABLE_NETS = 4096,
};

struct core_conn;

/* What a link between nodes was made with. */
struct core_proof {
    uint8_t own_key[REPL_KEY_ID], peer_key[REPL_KEY_ID];
    uint32_t secret;
};

/* A host whose agent may connect. */
struct core_host {
    struct config_agent cfg;
    bool is_listed;
    struct core_proof proof; /* of the last connection */
    unsigned links;    /* connections now */
    uint64_t since_ms; /* of the first of them, or since there are none; 0 = there never was one */
    bool is_synced;    /* has been told everything */
    bool has_report;
    struct repl_table_report report;
};

struct core_agent { /* a connection of one */
    struct list all;
    struct list behind; /* on core.agents_behind while there is something to tell it */
    struct core_conn *conn;
    struct core_host *host;
    uint64_t beat_ms; /* its next beat is due */
    bool subscribed, reset, cut_sent;
    uint64_t position;
    bool complete_sent, isolated_sent, awaits_sent;
    uint64_t lost_sent;
};

/* What a turn may tell agents. */
struct core_moment {
    uint64_t head, freed; /* of the Loc-RIB order; nets freed so far */
    bool settled;         /* nothing waits for a decision */
    bool complete;        /* absence may be acted upon: every NVA has spoken, as in our own targets */
    bool isolated;        /* no NVA has a session with any node, or a pause of ours makes it look so */
    bool is_woken;        /* the latter: then it goes along with what is lost, and is no news by itself; nor is a node that comes */
    bool holds;           /* what goes waits for the rest of a stream */
    bool awaits;          /* a node came back a moment ago, and was not heard out: news, for who has lost what it may bring */
    uint64_t lost;        /* version of what core_lost.c has: told at once, ahead of the routes */
};

/* A batch for agents as it is sent. */
struct core_frame {
    uint64_t from, to, freed;
    uint64_t lost;
    size_t secret; /* whose digest it has */
    bool reset, cut, complete, isolated, awaits;
    size_t len; /* 0 = unused */
    uint8_t *payload;
};

/* One of the secrets that agents may use, and what is keyed by it. */
struct core_agent_secret {
    struct repl_secrets secrets;
    struct repl_digest digest; /* of the table that agents are served */
    bool is_summed;            /* of all of it; until then nobody may use it */
};

/* The table on its way into digests under new secrets. */
struct core_sum {
    bool is_on;
    uint8_t family;
    uint32_t place; /* the next one */
};

/* The table that agents are served. */
struct core_table {
    struct core_agent_secret secrets[REPL_SECRETS_MAX]; /* the second while it is rotated */
    size_t secret_count; /* 0: no agents */
    struct core_sum sum;
    uint32_t routes;
    struct slab summed[BGP_FAMILIES]; /* uint32_t by place: the set that the digests have; a reference */
    uint64_t parted_ms; /* since then it has not come to the end of what streams brought in parts; 0: it has */
    uint64_t freed;   /* nets that ceased to exist so far */
    uint64_t encoded; /* frames */
    struct core_frame frames[CORE_TABLE_FRAMES];
    uint32_t next_frame;
    struct repl_table_routes *groups;
    uint8_t *nlri;
};

/* core_agents.c */
void core_agent_up(struct core *c, struct core_conn *conn, const struct repl_party *party);
void core_agent_message(struct core *c, struct core_agent *a, const struct repl_msg *m);
void core_agent_gone(struct core *c, struct core_agent *a);
/* Its transport took bytes. True: it has more for the room. */
bool core_agent_sent(struct core *c, struct core_conn *conn);
void core_agents_stream(struct core *c);
void core_agents_beat(struct core *c);
/* There are some that had no turn yet. */
bool core_agents_have_work(const struct core *c);
void core_agents_stop(struct core *c);
void core_agents_fini(struct core *c);
uint64_t core_agents_slowest(const struct core *c);

/* core_hosts.c */
/* Nodes have other keys: handshakes under way begin again. */
void core_parties_changed(struct core *c);
void core_hosts_fini(struct core *c);

/* core_table.c */
void core_table_init(struct core *c);
void core_table_fini(struct core *c);
/* The net was decided: its part of the table's digest. */
void core_table_changed(struct core *c, uint32_t net);
/* A net ceased to exist. */
void core_table_net_freed(struct core *c);
struct core_moment core_table_moment(struct core *c);
/* Does the next that there is to tell wait? */
bool core_table_is_held(const struct core *c, uint64_t position, const struct core_moment *now);
/* The batch that this agent is told next. */
const struct core_frame *core_table_frame(struct core *c, const struct core_agent *a, const struct core_moment *now);

/* core_agent_keys.c */
void core_agent_keys_init(struct core *c);
void core_agent_keys_fini(struct core *c);
/* These from now on; who used another one is let go. */
void core_agent_keys_set(struct core *c, const struct repl_secrets *secrets, size_t count);
void core_agent_keys_tick(struct core *c);
/* A net of the table has another set. */
void core_agent_keys_changed(struct core *c, uint32_t net, const struct ip_prefix *prefix, uint32_t old_set,
                             uint32_t new_set);
/* NULL: there is none, or it may not be used yet. */
const struct repl_secrets *core_agent_secret(const struct core *c, size_t nth);
bool core_agent_secret_is_next(const struct core *c, uint32_t id);
/* Which of the digests this agent can check. */
size_t core_agent_digest(const struct core *c, const struct core_agent *a);
/* Connections of hosts that are listed no more, or under keys or secrets that are not. */
void core_agents_end_revoked(struct core *c);

#endif
