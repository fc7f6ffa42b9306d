/* --node NAME|all: the daemon of another node, or each one in turn. No new way leads there: on this machine it is the
 * socket beside the one that is asked, elsewhere the API where the configuration has opened it over TCP. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/ctl/client.h"
#include "node/ctl/table.h"

enum { PLACE_MAX = 1024 };

/* The same run directory has one socket a node. */
static bool find_socket(const struct ctl *c, const char *name, char place[static PLACE_MAX])
{
    const char *slash = c->socket ? strrchr(c->socket, '/') : NULL;
    if (c->url || strchr(name, '/'))
        return false;
    if (!c->socket)
        snprintf(place, PLACE_MAX, CTL_RUN_DIRECTORY "/%s.sock", name);
    else
        snprintf(place, PLACE_MAX, "%.*s%s.sock", slash ? (int)(slash - c->socket) + 1 : 0, c->socket, name);
    return access(place, F_OK) == 0;
}

/* Of /v1/nodes; NULL: none has this name. */
static const json_t *find_node(const json_t *nodes, const char *name, char known[static CELL_TEXT])
{
    const json_t *node;
    size_t i, len = 0;
    known[0] = 0;
    json_array_foreach(nodes, i, node)
    {
        if (!strcmp(json_text_at(node, "name"), name))
            return node;
        if (len < CELL_TEXT)
            len += (size_t)snprintf(known + len, CELL_TEXT - len, "%s%s", i ? ", " : "", json_text_at(node, "name"));
    }
    return NULL;
}

/* c comes to speak to the node, at place where that is another one. */
static int turn_to(struct ctl *c, const json_t *nodes, const char *name, char place[static PLACE_MAX])
{
    char known[CELL_TEXT];
    const json_t *node = find_node(nodes, name, known);
    const char *api = json_string_value(json_array_get(json_at(node, "api"), 0));
    if (!node)
        return ctl_fail(CTL_NO_SUCH, "no node is named \"%s\": there is %s", name, known);
    if (json_is_true(json_at(node, "self")))
        return CTL_OK;
    if (!api)
        return ctl_fail(CTL_UNREACHABLE, "the API of %s listens on its own loopback only: ask there, or open it with nodes[].api",
                        name);
    snprintf(place, PLACE_MAX, "http://%s", api);
    c->url = place;
    return CTL_OK;
}

static int run_on(const struct ctl *c, const json_t *nodes, const char *name, ctl_verb *verb)
{
    char place[PLACE_MAX];
    struct ctl there = *c;
    int code = CTL_OK;
    if (find_socket(c, name, place))
        there.socket = place;
    else
        code = turn_to(&there, nodes, name, place);
    return code ? code : verb(&there);
}

/* ---- all ---- */

/* { "rs-a": what the verb says there, … }, null where it failed. */
static int collect(const struct ctl *c, const json_t *nodes)
{
    json_t *all = json_object();
    const json_t *node;
    size_t i;
    int worst = CTL_OK;
    json_array_foreach(nodes, i, node)
    {
        const char *name = json_text_at(node, "name");
        char *text;
        size_t len;
        FILE *out = stdout;
        stdout = open_memstream(&text, &len);
        if (!stdout)
            abort();
        int code = run_on(c, nodes, name, c->verb);
        fclose(stdout);
        stdout = out;
        json_t *said = json_loads(text, 0, NULL);
        json_object_set_new(all, name, said ? said : json_null());
        worst = worst ? worst : code;
        free(text);
    }
    int code = ctl_print_json(c, all);
    json_decref(all);
    return code ? code : worst;
}

static int run_on_all(const struct ctl *c, const json_t *nodes)
{
    const json_t *node;
    size_t i;
    int worst = CTL_OK;
    json_array_foreach(nodes, i, node)
    {
        const char *name = json_text_at(node, "name");
        printf("%s%s:\n", i ? "\n" : "", name);
        fflush(stdout); /* before what is said of it on the other stream */
        int code = run_on(c, nodes, name, c->verb);
        worst = worst ? worst : code;
    }
    return worst;
}

/* What every node may be asked, or told, at the same time: none of it leaves nobody to serve. */
static bool is_for_all(const struct ctl *c)
{
    return ctl_only_looks(c->verb) || c->verb == verb_config_reload || c->verb == verb_log_level;
}

static int check_all(const struct ctl *c)
{
    if (!is_for_all(c) || c->follow)
        return ctl_fail(CTL_USAGE, "--node all is for what looks and ends, and for reload and log level: name one node");
    if (c->output == CTL_JSONL || c->output == CTL_AZ)
        return ctl_fail(CTL_USAGE, "--node all prints tables or -o json: other lines do not say whose they are");
    return CTL_OK;
}

int ctl_on_nodes(const struct ctl *c)
{
    char place[PLACE_MAX];
    bool is_all = !strcmp(c->node, "all");
    json_t *nodes = NULL;
    int code = is_all ? check_all(c) : CTL_OK;
    if (!code && (is_all || !find_socket(c, c->node, place)))
        code = client_list(c, "/v1/nodes?", &nodes);
    if (code)
        return code;
    if (!is_all)
        code = run_on(c, nodes, c->node, c->verb);
    else
        code = ctl_wants_json(c) ? collect(c, nodes) : run_on_all(c, nodes);
    json_decref(nodes);
    return code;
}
