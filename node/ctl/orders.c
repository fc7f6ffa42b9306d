/* peer disable, peer enable, peer clear, node drain, node undrain, failover, log level: orders to one node. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "node/ctl/client.h"

enum { LOOK_MS = 250, PATIENCE_S = 700 /* gracefulShutdown may be ten minutes */, TAKEOVER_S = 10 };

static const char *text_of(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    return text ? text : "";
}

static void add_message(const struct ctl *c, char *path, size_t cap)
{
    if (!c->message)
        return;
    strncat(path, "?", cap - strlen(path) - 1);
    client_param(path, cap, "message", c->message);
    path[strlen(path) - 1] = 0; /* the "&" */
}

static int done(const struct ctl *c, json_t *take_answer)
{
    int code = ctl_wants_json(c) ? ctl_print_json(c, take_answer) : CTL_OK;
    json_decref(take_answer);
    return code;
}

/* ---- peers ---- */

static int order_peer(const struct ctl *c, const char *order, const char *query)
{
    char path[2048] = "/v1/peers/";
    json_t *answer;
    client_escape(path, sizeof path, c->argv[0]);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/%s%s", order, query);
    if (!strcmp(order, "disable"))
        add_message(c, path, sizeof path);
    int code = client_post(c, path, &answer);
    return code ? code : done(c, answer);
}

int verb_peer_disable(const struct ctl *c)
{
    return ctl_takes(c, 1, 1, "peer disable NAME [--message TEXT]") ? order_peer(c, "disable", "") : CTL_USAGE;
}

int verb_peer_enable(const struct ctl *c)
{
    return ctl_takes(c, 1, 1, "peer enable NAME") ? order_peer(c, "enable", "") : CTL_USAGE;
}

int verb_peer_clear(const struct ctl *c)
{
    static const struct {
        const char *word, *query;
    } kinds[] = { { "soft-in", "?kind=softIn" }, { "soft-out", "?kind=softOut" }, { "hard", "?kind=hard" } };
    if (!ctl_takes(c, 1, 2, "peer clear NAME [soft-in|soft-out|hard]"))
        return CTL_USAGE;
    if (c->argc == 1)
        return order_peer(c, "clear", "");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(c->argv[1], kinds[i].word))
            return order_peer(c, "clear", kinds[i].query);
    return ctl_fail(CTL_USAGE, "peer clear NAME %s: it is soft-in, soft-out or hard", c->argv[1]);
}

/* ---- the node ---- */

/* The node's name as it goes into a path: the one given, or that of who answers. */
static int node_name(const struct ctl *c, char *name, size_t cap)
{
    json_t *status;
    if (c->argc) {
        snprintf(name, cap, "%s", c->argv[0]);
        return CTL_OK;
    }
    int code = client_get(c, "/v1/status", &status);
    if (code)
        return code;
    snprintf(name, cap, "%s", text_of(status, "node"));
    json_decref(status);
    return CTL_OK;
}

static int order_node(const struct ctl *c, const char *order, json_t **answer)
{
    char path[2048] = "/v1/nodes/", name[256];
    int code = node_name(c, name, sizeof name);
    if (code)
        return code;
    client_escape(path, sizeof path, name);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/%s", order);
    if (!strcmp(order, "drain"))
        add_message(c, path, sizeof path);
    return client_post(c, path, answer);
}

/* Until its sessions are closed. */
static int wait_drained(const struct ctl *c)
{
    for (int looks = 0; looks < PATIENCE_S * 1000 / LOOK_MS; looks++) {
        json_t *status;
        int code = client_get(c, "/v1/status", &status);
        if (code)
            return code;
        const json_t *drain = json_object_get(status, "drain");
        bool is_drained = !strcmp(text_of(drain, "state"), "drained"), is_off = json_is_null(drain);
        json_decref(status);
        if (is_drained)
            return CTL_OK;
        if (is_off)
            return ctl_fail(CTL_FAILED, "the drain was called off");
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
    }
    return ctl_fail(CTL_FAILED, "still draining: see tandemctl status");
}

int verb_node_drain(const struct ctl *c)
{
    json_t *answer;
    if (!ctl_takes(c, 0, 1, "node drain [NAME] [--message TEXT]"))
        return CTL_USAGE;
    int code = order_node(c, "drain", &answer);
    if (code)
        return code;
    bool is_table = !ctl_wants_json(c);
    if (is_table)
        printf("%s: shared targets and NVAs are moved away ...\n", text_of(answer, "node"));
    fflush(stdout);
    code = wait_drained(c);
    if (!code && is_table)
        printf("%s: drained; it may be stopped now, or undrained\n", text_of(answer, "node"));
    if (!code)
        json_object_set_new(answer, "state", json_string("drained"));
    if (code) {
        json_decref(answer);
        return code;
    }
    return done(c, answer);
}

int verb_node_undrain(const struct ctl *c)
{
    json_t *answer;
    if (!ctl_takes(c, 0, 1, "node undrain [NAME]"))
        return CTL_USAGE;
    int code = order_node(c, "undrain", &answer);
    return code ? code : done(c, answer);
}

/* ---- shared targets ---- */

/* Until a later epoch than this stands in the target. */
static int wait_taken(const struct ctl *c, const char *path, json_int_t epoch)
{
    for (int looks = 0; looks < TAKEOVER_S * 1000 / LOOK_MS; looks++) {
        json_t *target;
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
        int code = client_get(c, path, &target);
        if (code)
            return code;
        bool is_taken = json_integer_value(json_object_get(target, "epoch")) > epoch;
        if (is_taken && !ctl_wants_json(c))
            printf("%s: %s writes it now\n", c->argv[0], text_of(target, "owner"));
        code = is_taken && ctl_wants_json(c) ? ctl_print_json(c, target) : CTL_OK;
        json_decref(target);
        if (is_taken)
            return code;
    }
    return ctl_fail(CTL_FAILED, "%s: nobody has taken it within %d s: see tandemctl programmed", c->argv[0], TAKEOVER_S);
}

int verb_failover(const struct ctl *c)
{
    char path[1024] = "/v1/programming/", order[1100];
    json_t *answer;
    if (!ctl_takes(c, 1, 1, "failover TARGET"))
        return CTL_USAGE;
    client_escape(path, sizeof path, c->argv[0]);
    snprintf(order, sizeof order, "%s/failover", path);
    int code = client_post(c, order, &answer);
    if (code)
        return code;
    json_int_t epoch = json_integer_value(json_object_get(answer, "yieldedEpoch"));
    json_decref(answer);
    return wait_taken(c, path, epoch);
}

/* ---- the log ---- */

int verb_log_level(const struct ctl *c)
{
    char path[256] = "/v1/log/level?";
    json_t *answer;
    if (!ctl_takes(c, 0, 1, "log level [debug|info|warn|error]"))
        return CTL_USAGE;
    if (c->argc)
        client_param(path, sizeof path, "level", c->argv[0]);
    int code = c->argc ? client_post(c, path, &answer) : client_get(c, path, &answer);
    if (code || ctl_wants_json(c))
        return code ? code : done(c, answer);
    const char *level = text_of(answer, "level"), *configured = text_of(answer, "configured");
    if (!strcmp(level, configured))
        puts(level);
    else
        printf("%s, until the next reload or start; the configuration says %s\n", level, configured);
    json_decref(answer);
    return CTL_OK;
}
