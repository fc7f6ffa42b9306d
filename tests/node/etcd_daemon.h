/* The model of etcd's gateway behind HTTP, in this process, with faults on request. */
#ifndef TANDEM_TESTS_NODE_ETCD_DAEMON_H
#define TANDEM_TESTS_NODE_ETCD_DAEMON_H

#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/fake_etcd.h"

struct model {
    struct MHD_Daemon *daemon;
    struct fake_etcd store;
    uint32_t drop_answers; /* of the next transactions, which are carried out */
    bool postpones;        /* them, without an answer */
    json_t *late;          /* the first of those, for model_carry_out */
    uint32_t refuse;       /* transactions, with "space exceeded" */
    bool hangs_up;         /* on who watches, who looks at once what else there is then */
    char url[64];
};

struct upload {
    size_t len;
    char body[1 << 17];
};

static inline enum MHD_Result say(struct MHD_Connection *c, unsigned status, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    json_decref(answer);
    return result;
}

static inline enum MHD_Result serve(void *data, struct MHD_Connection *c, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *len, void **state)
{
    struct model *m = data;
    struct upload *u = *state;
    (void)method, (void)version;
    if (!u) {
        *state = calloc(1, sizeof *u);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*len) {
        assert(u->len + *len <= sizeof u->body);
        memcpy(u->body + u->len, upload, *len);
        u->len += *len;
        *len = 0;
        return MHD_YES;
    }
    bool is_txn = !strcmp(url, "/v3/kv/txn");
    if (m->hangs_up && !strcmp(url, "/v3/watch"))
        return MHD_NO;
    if (!is_txn &&
        strcmp(url, "/v3/kv/range") != 0) /* no watch here: what changes shows by listing */
        return say(c, 501, fake_error("not implemented", 12));
    if (is_txn && m->refuse) {
        m->refuse--;
        return say(c, 429, fake_error("etcdserver: mvcc: database space exceeded", 8));
    }
    json_t *q = json_loadb(u->body, u->len, 0, NULL);
    if (is_txn && m->postpones) {
        if (!m->late)
            m->late = json_incref(q);
        json_decref(q);
        return MHD_NO;
    }
    json_t *answer =
        is_txn ? fake_txn(&m->store, q)
               : json_pack("{s:o, s:o}", "header", fake_heading(&m->store), "kvs", fake_range(&m->store, q));
    json_decref(q);
    if (is_txn && m->drop_answers) {
        m->drop_answers--;
        json_decref(answer);
        return MHD_NO; /* closes the connection */
    }
    return say(c, 200, answer);
}

static inline void forget(void *data, struct MHD_Connection *c, void **state,
                          enum MHD_RequestTerminationCode how)
{
    (void)data, (void)c, (void)how;
    free(*state);
}

static inline void model_open(struct model *m)
{
    m->store.revision = 1;
    m->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, serve, m, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
                                 MHD_OPTION_END);
    assert(m->daemon);
    snprintf(m->url, sizeof m->url, "http://127.0.0.1:%u", MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

/* What was postponed. */
static inline void model_carry_out(struct model *m)
{
    json_decref(fake_txn(&m->store, m->late));
    json_decref(m->late);
    m->late = NULL;
}

static inline void model_close(struct model *m)
{
    json_decref(m->late);
    MHD_stop_daemon(m->daemon);
    fake_etcd_fini(&m->store);
}

#endif
