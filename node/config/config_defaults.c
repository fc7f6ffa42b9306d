/* What a key stands for that is not there: no second list of it, but what the tables leave behind when the least that
 * may stand in a file is read. */
#include <assert.h>
#include <string.h>

#include "node/config/config_json.h"
#include "node/config/config_read.h"

static const char least_config[] =
    "routeServer: { name: x }\n"
    "nodes: [{ name: x, address: 10.0.0.1, publicKey: AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
    "}]\n"
    "agents: { secretFile: x, keysDirectory: x }\n"
    "cluster: { keyFile: x }\n"
    "peers: [{ name: x, peerIp: 10.0.0.2, peerAsn: 1, maxRoutes: { limit: 1 }, tcpAo: { keyFile: x "
    "} }]\n"
    "virtualNetworks: [{ name: x, addressPrefixes: [10.0.0.0/8] }]\n"
    "export: { mrt: { directory: x }, bmp: [{ station: '10.0.0.3:1' }] }\n"
    "programming:\n" /* in the order of config_target_rows */
    "  - { name: a, type: netlink, healthGate: { probe: icmp } }\n"
    "  - { name: b, type: table }\n"
    "  - { name: c, type: etcd, endpoints: ['http://10.0.0.4:2379'] }\n"
    "  - { name: d, type: azureRouteTable, resourceIds:\n"
    "      [/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/t] }\n";

static const char least_agent[] = "name: x\n"
                                  "routeServer: x\n"
                                  "keyFile: x\n"
                                  "secretFile: x\n"
                                  "nodes: [{ name: x, address: 10.0.0.1, publicKey: "
                                  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= }]\n"
                                  "healthGate: { probe: icmp }\n";

void config_least_init(struct config_least *l)
{
    bool ok = config_load_text("least", least_config, strlen(least_config), &l->config, stderr);
    ok = config_load_agent_text("least", least_agent, strlen(least_agent), &l->agent, stderr) && ok;
    assert(ok); /* tests/node/test_config_defaults.c */
    (void)ok;
}

void config_least_fini(struct config_least *l)
{
    config_free(l->config);
    config_free_agent(l->agent);
}

/* What the offsets of these rows are of; NULL: it is not known. */
static const void *object_of(const struct config_least *l, const struct schema_row *rows)
{
    const struct config *c = l->config;
    const struct config_peer *p = c->peers;
    const struct {
        const struct schema_row *rows;
        const void *object;
    } all[] = {
        { config_rows.top, c },
        { config_rows.server, c },
        { config_rows.cluster, c },
        { config_rows.api, c },
        { config_rows.log, c },
        { config_rows.node, c->nodes },
        { config_rows.vnet, c->vnets },
        { config_peer_rows.peer, p },
        { config_peer_rows.inherited, p },
        { config_peer_rows.limit, &p->limit },
        { config_peer_rows.bfd, &p->bfd },
        { config_peer_rows.ao, &p->tcp_ao },
        { config_peer_rows.long_lived, p },
        { config_export_rows.station, c->stations },
        { config_export_rows.mrt, c },
        { config_gate_rows, &l->agent->gate },
        { config_agent_rows.top, l->agent },
        { config_agent_rows.node, l->agent->nodes },
        { config_agent_rows.log, l->agent },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].rows == rows)
            return all[i].object;
    for (size_t i = 0; config_target_rows[i]; i++)
        if (*config_target_rows[i] == rows)
            return c->targets[i];
    return NULL;
}

/* ---- values as somebody would write them; NULL: what stands there means that the key is missing ---- */

static json_t *number(uint64_t value, const struct schema_row *row)
{
    return value < row->min ? NULL : json_integer((json_int_t)value);
}

static json_t *u8(const void *at, const struct schema_row *row)
{
    return number(*(const uint8_t *)at, row);
}

static json_t *u16(const void *at, const struct schema_row *row)
{
    return number(*(const uint16_t *)at, row);
}

static json_t *u32(const void *at, const struct schema_row *row)
{
    return number(*(const uint32_t *)at, row);
}

static json_t *u64(const void *at, const struct schema_row *row)
{
    return number(*(const uint64_t *)at, row);
}

static json_t *duration(uint64_t ms, const struct schema_row *row)
{
    char text[SCHEMA_MS_TEXT];
    return ms < row->min ? NULL : json_string(schema_format_ms(ms, text));
}

static json_t *seconds(const void *at, const struct schema_row *row)
{
    return duration(*(const uint16_t *)at * (uint64_t)1000, row);
}

static json_t *millis(const void *at, const struct schema_row *row)
{
    return duration(*(const uint32_t *)at, row);
}

static json_t *bytes(const void *at, const struct schema_row *row)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB" };
    uint64_t value = *(const uint64_t *)at;
    size_t unit = 0;
    if (value < row->min)
        return NULL;
    for (; value && value % 1024 == 0 && unit < 3; unit++)
        value /= 1024;
    return json_sprintf("%llu%s", (unsigned long long)value, units[unit]);
}

static json_t *truth(const void *at, const struct schema_row *row)
{
    (void)row;
    return json_boolean(*(const bool *)at);
}

static json_t *word(const void *at, const struct schema_row *row)
{
    return json_string(row->words[*(const uint8_t *)at]);
}

/* The least itself names files that have no default: in its own folder. */
static json_t *path(const void *at, const struct schema_row *row)
{
    const char *text = *(char *const *)at;
    (void)row;
    return text && text[0] == '/' ? json_string(text) : NULL;
}

static const struct {
    schema_read *read;
    json_t *(*say)(const void *at, const struct schema_row *row);
} kinds[] = {
    { schema_u8, u8 },         { schema_u16, u16 },         { schema_u32, u32 },
    { schema_u64, u64 },       { schema_seconds, seconds }, { config_read_hold_time, seconds },
    { schema_millis, millis }, { schema_bytes, bytes },     { schema_bool, truth },
    { schema_word, word },     { schema_path, path },
};

json_t *config_default(const struct config_least *l, const struct schema_row *rows,
                       const struct schema_row *row)
{
    const uint8_t *object = object_of(l, rows);
    if (!object || row->is_required || row->is_separate || row->otherwise)
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].read == row->read)
            return kinds[i].say(object + row->offset, row);
    return NULL;
}
