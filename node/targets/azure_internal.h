/* What the bodies of the azure machine share. */
#ifndef TANDEM_NODE_TARGETS_AZURE_INTERNAL_H
#define TANDEM_NODE_TARGETS_AZURE_INTERNAL_H

#include "node/base/memory.h"
#include "node/targets/azure_machine.h"

#define AZURE_ECMP_VERSION "2025-07-01" /* the first API version with VirtualApplianceEcmp */

enum { AZURE_RETRY_MIN_MS = 1000, AZURE_RETRY_MAX_MS = 60000 };

enum azure_kind { AZURE_NONE, AZURE_TOKEN, AZURE_READ, AZURE_WRITE, AZURE_POLL, AZURE_KINDS };

struct azure_machine {
    struct azure_machine_cfg cfg;
    bool has_ecmp;
    uint32_t limit; /* max_routes, or less when the resource manager said so */
    struct azure_table table;
    struct azure_status status;

    /* the request under way, and when the next of a kind may be made */
    struct azure_request request;
    uint8_t in_flight; /* enum azure_kind */
    unsigned tries[AZURE_KINDS];
    uint64_t not_before[AZURE_KINDS];
    uint64_t jitter;
    char *token;
    uint64_t token_until_ms;

    /* a write and its end */
    struct repl_fence_record writing; /* what its tag says */
    uint64_t beat;
    bool is_taking;   /* it takes the fence */
    bool is_settling; /* accepted, or perhaps: the next reading tells */
    bool is_pending;  /* unanswered, and not seen yet: it may be carried out until another one changes the ETag */
    bool was_refused; /* by If-Match: whose fence stands there now? */
    char *operation;  /* address to ask about it; NULL: none */
    char fault[AZURE_ERROR_MAX]; /* of the operation that failed */
    bool must_read;
    uint64_t poll_due_ms; /* of the operation, or of a reading that must be */
    uint64_t updating_ms; /* since when provisioning was seen to go on; 0 = it does not */
    uint64_t read_ms;

    /* content */
    struct program_op *ops; /* taken from the program */
    size_t op_count, op_cap;
    struct azure_wish *wishes; /* what the plan was made for; each with a reference on its set */
    size_t wish_count;
    struct azure_plan plan;
    uint32_t *mine; /* prefixes that the program believes to be in the table */
    size_t mine_count, mine_cap;
    uint64_t burst_ms, quiet_ms, seen_work;
};

/* azure_machine.c */
void azure_forget_token(struct azure_machine *m);
void azure_set_state(struct azure_machine *m, enum azure_state state, const char *text,
                     uint64_t now_ms);
/* No request of the kind before a back-off, or least_ms when that is longer. Returns the wait. */
uint64_t azure_back_off(struct azure_machine *m, enum azure_kind kind, uint64_t least_ms,
                        uint64_t now_ms);

/* azure_answer.c */
/* A request of the kind failed as a whole. */
void azure_failed(struct azure_machine *m, enum azure_kind kind, enum azure_state state,
                  const char *text, uint64_t least_ms, uint64_t now_ms);

/* azure_work.c */
/* Takes all operations that may be issued, and plans the table. */
void azure_gather(struct azure_machine *m, uint64_t now_ms);
/* The table is as planned: every operation gets its result. */
void azure_settle(struct azure_machine *m, uint64_t now_ms);
/* The operations are not done, and it was not their fault. */
void azure_give_back(struct azure_machine *m, uint64_t now_ms);
/* They are done with, without success. */
void azure_refuse(struct azure_machine *m, uint64_t now_ms);
/* What was read against what the program believes. */
void azure_observe(struct azure_machine *m);

/* azure_fence.c: the tag "cluster;epoch;owner;incarnation;beat" */
enum azure_tag { AZURE_TAG_NONE, AZURE_TAG_GOOD, AZURE_TAG_OF_OTHERS };
void azure_fence_format(const struct azure_machine_cfg *cfg, const struct repl_fence_record *r,
                        uint64_t beat, char out[static AZURE_TAG_MAX + 1]);
/* NONE: there is none, or a damaged one. */
enum azure_tag azure_fence_parse(const struct azure_machine_cfg *cfg, const char *tag,
                                 struct repl_fence_record *out, uint64_t *beat);

#endif
