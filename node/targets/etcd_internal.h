/* Inside the etcd target: shared by etcd*.c only. */
#ifndef TANDEM_NODE_TARGETS_ETCD_INTERNAL_H
#define TANDEM_NODE_TARGETS_ETCD_INTERNAL_H

#include "node/io/http_client.h"
#include "node/targets/etcd.h"
#include "node/targets/etcd_wire.h"

enum {
    ETCD_REQUEST_MS = 2000,
    ETCD_CONNECT_MS = 1000,
    ETCD_ANSWER_MAX = 16 << 20,
    ETCD_PAGE = 400, /* keys of a listing's page: some 2 ms to read */
};

/* Beside the program's entry of a prefix, by place. */
struct etcd_note {
    int64_t revision; /* of the last change that we know of: what is older says nothing */
    uint32_t mark;    /* the listing that saw it last */
};

struct etcd_answer {
    enum etcd_fault fault;
    const json_t *body; /* NULL unless ETCD_FINE */
};

typedef void etcd_then(struct etcd *e, const struct etcd_answer *a);

/* A store that is full, or whose role may only read, is read on while writes back off. */
enum etcd_lane { ETCD_READS, ETCD_WRITES, ETCD_LANES };

struct etcd_backoff {
    uint32_t failures; /* in a row */
    uint64_t until_ms;
};

struct etcd {
    struct etcd_cfg cfg;
    struct http_client *http;
    uv_timer_t timer;
    char prefix[ETCD_PREFIX_MAX]; /* ends in '/' */
    char key_end[ETCD_KEY_MAX], fence_key[ETCD_KEY_MAX], beat_key[ETCD_KEY_MAX],
        gen_key[ETCD_KEY_MAX];
    struct etcd_status status;

    /* etcd_rpc.c */
    struct http_request *request;
    etcd_then *then;
    enum etcd_lane lane; /* of the request under way */
    struct etcd_backoff lanes[ETCD_LANES];
    size_t endpoint;
    char *token; /* "Authorization: …"; NULL: none */
    bool needs_token;
    uint64_t login_ms;

    /* etcd_read.c: the shadow */
    struct etcd_note *notes[BGP_FAMILIES];
    uint32_t notes_cap[BGP_FAMILIES];
    struct repl_digest digest; /* of what stands there */
    uint64_t count;
    struct {
        bool is_running, is_first, just_wrote;
        bool is_read;    /* to its end: what it did not see is looked for, … */
        uint8_t family;
        uint32_t place;  /* … from there on */
        bool has_fence, has_gen; /* it has come by them */
        int64_t revision; /* pinned by the first page */
        char *from;       /* next key */
        size_t from_len;
        uint32_t mark;
        uint64_t due_ms;
        bool is_due; /* whatever `gen` says */
    } listing;
    struct http_request *watch;
    int64_t watched; /* last revision that the watch, or a listing, told all of */
    uint64_t watch_at_ms;
    uint32_t watch_failures; /* in a row */

    /* the fence as told last */
    int64_t fence_revision, fence_told; /* to be compared (0: no key); as of which store revision */
    uint64_t taking_epoch; /* of the takeover under way */
    uint64_t beat_count;

    /* etcd_write.c: the batch under way */
    struct program_op ops[ETCD_OPS_MAX];
    size_t op_count;
    struct etcd_gen gen, next_gen; /* as it stands, and as the batch will leave it */
    int64_t gen_revision;
    bool gen_is_due, sends_gen;
    bool is_pending; /* the end of one is not known: it may be carried out until the fence has another revision */
};

/* etcd_rpc.c */
/* body is taken. False: it could not be sent, then is not called, and back-off has begun. */
bool etcd_call(struct etcd *e, enum etcd_lane lane, const char *path, json_t *body,
               etcd_then *then);
void etcd_authenticate(struct etcd *e);
/* A request on the current endpoint with the current token; NULL: out of memory. */
struct http_request *etcd_request(struct etcd *e, const char *path, json_t *body,
                                  uint32_t timeout_ms,
                                  void (*on_done)(void *data, const struct http_answer *a),
                                  size_t (*on_data)(void *data, const char *bytes, size_t len));
void etcd_wake(struct etcd *e);

/* etcd_read.c */
void etcd_list(struct etcd *e);
void etcd_list_soon(struct etcd *e);
/* The next stretch of what a listing that was read to its end did not see. */
void etcd_find_missing(struct etcd *e);
/* A reader's look at `gen`, and a listing when it is not of what is here. */
void etcd_check(struct etcd *e);
void etcd_watch(struct etcd *e);
void etcd_watch_stop(struct etcd *e);
/* The program's entry as etcd has it from now on; keeps digest and count. old: what stood there. */
void etcd_stands(struct etcd *e, uint32_t prefix, uint32_t old, uint32_t nhset);
struct etcd_note *etcd_note(struct etcd *e, uint32_t prefix);
void etcd_release(struct etcd *e, uint32_t prefix);
/* The fence as of a store revision; NULL: there is no key. refused: a comparison failed. */
void etcd_tell_fence(struct etcd *e, const struct etcd_pair *pair, int64_t as_of, bool refused);
void etcd_tell_beat(struct etcd *e, const struct etcd_pair *pair);
/* What the answer says of the store as a whole. */
void etcd_heed(struct etcd *e, const json_t *answer);

/* etcd_write.c */
void etcd_fence_read(struct etcd *e);
void etcd_fence_take(struct etcd *e);
void etcd_fence_beat(struct etcd *e);
/* False: there is nothing to write. */
bool etcd_write(struct etcd *e);

#endif
