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

/* A host whose agent may connect. */
struct core_host {
    struct config_agent cfg;
    bool is_listed;
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
    uint64_t number; /* of all connections */
    bool subscribed, reset, cut_sent;
    uint64_t position;
    bool complete_sent, isolated_sent;
    uint64_t lost_sent;
};

/* What a turn may tell agents. */
struct core_moment {
    uint64_t head, freed; /* of the Loc-RIB order; nets freed so far */
    bool settled;         /* nothing waits for a decision */
    bool complete;        /* absence may be acted upon: every NVA has spoken, as in our own targets */
    bool isolated;        /* no NVA has a session with any node, or a pause of ours makes it look so */
    bool is_woken;        /* the latter: then it goes along with what is lost, and is no news by itself */
    uint64_t lost;        /* version of what core_lost.c has: told at once, ahead of the routes */
};

/* A batch for agents as it is sent. */
struct core_frame {
    uint64_t from, to, freed;
    uint64_t lost;
    bool reset, cut, complete, isolated;
    size_t len; /* 0 = unused */
    uint8_t *payload;
};

/* The table that agents are served. */
struct core_table {
    struct repl_digest digest;
    uint32_t routes;
    uint32_t *summed[BGP_FAMILIES]; /* by place: the set that the digest has; a reference */
    uint32_t cap[BGP_FAMILIES];
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
struct core_moment core_table_moment(const struct core *c);
/* The batch that begins there. */
const struct core_frame *core_table_frame(struct core *c, uint64_t from, bool reset,
                                          const struct core_moment *now);

#endif
