/* healthGate: how next hops are probed, of a kernel target and of an agent. */
#include <stdio.h>
#include <string.h>

#include "node/config/config_read.h"

static const char *const probes[] = { "tcp", "http", "icmp", NULL };

static bool read_path(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                      void *to)
{
    const char *text = n->kind == TREE_SCALAR ? n->text : "";
    bool ok = text[0] == '/' && strlen(text) <= CONFIG_PATH_MAX;
    (void)row;
    for (const char *c = text; *c; c++)
        ok = ok && *c > ' ' && *c < 0x7f;
    if (ok)
        snprintf(to, CONFIG_PATH_MAX + 1, "%s", text);
    else
        schema_complain(r, n, "\"%s\" is no path, such as /healthz", text);
    return ok;
}

#define AT(member) .offset = offsetof(struct config_gate, member)

static const struct schema_row rows[] = {
    { "probe", schema_word, AT(probe), .words = probes, .is_required = true, .help = "tcp, http or icmp" },
    { "port", schema_u16, AT(port), 1, 65535, .help = "tcp, http: where the NVA answers" },
    { "path", read_path, AT(path), .help = "http: answered with a status of 200 to 299" },
    { "interval", schema_millis, AT(interval_ms), 100, 3600000, .help = "between probes" },
    { "timeout", schema_millis, AT(timeout_ms), 50, 60000, .help = "of one probe" },
    { "fall", schema_u16, AT(fall), 1, 100, .help = "failures in a row that put it out" },
    { "rise", schema_u16, AT(rise), 1, 100, .help = "answers in a row that let it in again" },
    { 0 },
};

const struct schema_row *const config_gate_rows = rows;

bool config_read_gate(struct schema_reader *r, struct tree_node *n, const struct schema_row *row,
                      void *to)
{
    struct config_gate *g = to;
    (void)row;
    if (!schema_is_map(r, n))
        return false;
    *g = (struct config_gate){ .is_on = true, .path = "/", .interval_ms = 1000, .timeout_ms = 1000,
                               .fall = 3, .rise = 2 };
    schema_read_object(r, n, rows, g);
    bool needs_port = g->probe != CONFIG_PROBE_ICMP;
    if (tree_get(n, "probe") && needs_port && !tree_get(n, "port") && r->is_complete)
        schema_complain(r, n, "a probe over %s needs a port", probes[g->probe]);
    if (tree_get(n, "path") && g->probe != CONFIG_PROBE_HTTP)
        schema_complain(r, tree_get(n, "path"), "only a probe over http has a path");
    return true;
}
