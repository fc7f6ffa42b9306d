/* /lg/bgplgd/…: what OpenBGPD's bgplgd answers. The members are those of bgpctl -j that its readers use; what bgpctl
 * says of its own insides is not there. */
#include <stdlib.h>
#include <string.h>

#include "node/api/every_peer.h"
#include "node/api/lg.h"
#include "node/api/params.h"
#include "node/api/sight.h"

enum { DAY = 86400, WEEK = 7 * DAY, AGE_TEXT = 32 };

/* ---- times ---- */

/* bgpctl's: 01:02:03, 1d02h03m, 01w3d01h. */
static const char *age_text(uint64_t s, char text[static AGE_TEXT])
{
    unsigned long long weeks = s / WEEK, days = s % WEEK / DAY, hours = s % DAY / 3600, minutes = s % 3600 / 60;
    if (weeks)
        snprintf(text, AGE_TEXT, "%02lluw%llud%02lluh", weeks, days, hours);
    else if (days)
        snprintf(text, AGE_TEXT, "%llud%02lluh%02llum", days, hours, minutes);
    else
        snprintf(text, AGE_TEXT, "%02llu:%02llu:%02llu", hours, minutes, (unsigned long long)s % 60);
    return text;
}

/* key, and key_sec as a number. */
static void set_age(json_t *o, const char *key, const char *key_sec, uint64_t seconds)
{
    char text[AGE_TEXT];
    json_object_set_new(o, key, json_string(age_text(seconds, text)));
    json_object_set_new(o, key_sec, json_integer((json_int_t)seconds));
}

static uint64_t seconds_since(const struct api_view *v, uint64_t at_ms)
{
    return v->now_ms > at_ms ? (v->now_ms - at_ms) / 1000 : 0;
}

static json_t *identifier(uint32_t id)
{
    return json_sprintf("%u.%u.%u.%u", id >> 24, id >> 16 & 255, id >> 8 & 255, id & 255);
}

/* ---- neighbours ---- */

static json_t *summary(const struct api_view *v, const struct core_peer_view *p)
{
    bool was_up = p->state == BGP_ESTABLISHED || (p->stats && p->stats->flaps);
    json_t *o = json_object();
    json_object_set_new(o, "remote_as", json_sprintf("%u", p->peer->peer_asn));
    json_object_set_new(o, "description", json_text(p->peer->name));
    json_object_set_new(o, "remote_addr", json_addr(&p->peer->peer_ip));
    if (p->heard)
        json_object_set_new(o, "bgpid", identifier(p->heard->identifier));
    json_object_set_new(o, "state", json_string(bgp_state_name((enum bgp_state)p->state)));
    if (was_up) {
        set_age(o, "last_updown", "last_updown_sec", seconds_since(v, p->state_since_ms));
    } else {
        json_object_set_new(o, "last_updown", json_string("Never"));
        json_object_set_new(o, "last_updown_sec", json_integer(-1));
    }
    return o;
}

static json_t *messages(const uint64_t counts[6], uint64_t updates)
{
    uint64_t total = counts[BGP_OPEN] + counts[BGP_NOTIFICATION] + updates + counts[BGP_KEEPALIVE] + counts[BGP_ROUTE_REFRESH];
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "open", (json_int_t)counts[BGP_OPEN], "notifications",
                     (json_int_t)counts[BGP_NOTIFICATION], "updates", (json_int_t)updates, "keepalives",
                     (json_int_t)counts[BGP_KEEPALIVE], "route_refresh", (json_int_t)counts[BGP_ROUTE_REFRESH], "total",
                     (json_int_t)total);
}

static json_t *prefixes(uint64_t updates, uint64_t withdraws)
{
    return json_pack("{s:I, s:I}", "updates", (json_int_t)updates, "withdraws", (json_int_t)withdraws);
}

static json_t *stats(const struct core_peer_view *p)
{
    static const uint64_t none[6] = { 0 };
    const uint64_t *in = p->stats ? p->stats->messages_in : none, *out = p->stats ? p->stats->messages_out : none;
    json_t *o = json_pack("{s:{s:I, s:I}}", "prefixes", "sent", (json_int_t)p->advertised, "received", (json_int_t)p->received);
    json_object_set_new(o, "message", json_pack("{s:o, s:o}", "sent", messages(out, p->sent.messages), "received",
                                                messages(in, in[BGP_UPDATE])));
    json_object_set_new(o, "update", json_pack("{s:o, s:o}", "sent", prefixes(p->sent.announced, p->sent.withdrawn), "received",
                                               prefixes(p->announced, p->withdrawn)));
    return o;
}

static json_t *neighbor(const struct api_view *v, const struct core_peer_view *p)
{
    json_t *o = summary(v, p);
    json_object_set_new(o, "config", json_pack("{s:b, s:b, s:b, s:b}", "template", 0, "cloned", p->range != NULL, "passive",
                                               p->peer->passive, "down", p->peer->disabled || p->is_shut));
    json_object_set_new(o, "stats", stats(p));
    if (p->state == BGP_ESTABLISHED)
        json_object_set_new(o, "session", json_pack("{s:i, s:i}", "holdtime", p->hold_s, "keepalive", p->hold_s / 3));
    return o;
}

/* Is it the one that ?neighbor= names, by address or by name? */
static bool is_meant(const struct core_peer_view *p, const char *name)
{
    char text[IP_ADDR_TEXT];
    return !strcmp(p->peer->name, name) || !strcmp(ip_addr_format(&p->peer->peer_ip, text), name);
}

/* The number of the first, 0 = *out says that there is none. */
static uint16_t find_neighbor(const struct api_view *v, const char *name, struct api_reply *out)
{
    for (size_t i = 0; i < core_peer_count(v->core); i++) {
        struct core_peer_view p;
        if (core_peer_view(v->core, i, &p) && is_meant(&p, name))
            return p.nva;
    }
    reply_problem(out, 404, "neighbor", "no NVA has the address or name \"%s\"", name);
    return 0;
}

static void reply_neighbors(const struct api_view *v, const struct api_request *q, struct api_reply *out,
                            json_t *(*show)(const struct api_view *v, const struct core_peer_view *p))
{
    const char *name = api_param(q, "neighbor");
    uint16_t only = name ? find_neighbor(v, name, out) : 0;
    if (!name || only)
        every_peer_reply(&(struct every_peer){ .list = "neighbors", .only = only, .show = show }, out);
}

void api_bgplgd_neighbors(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    reply_neighbors(v, q, out, neighbor);
}

void api_bgplgd_summary(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    reply_neighbors(v, q, out, summary);
}

/* ---- routes ---- */

/* Texts and numbers of a list in line, from its nth on. */
static json_t *joined(const json_t *list, size_t from, const char *between)
{
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        abort();
    for (size_t i = from; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        fputs(i > from ? between : "", to);
        if (json_is_string(item))
            fputs(json_string_value(item), to);
        else
            fprintf(to, "%lld", (long long)json_integer_value(item));
    }
    fclose(to);
    json_t *value = json_stringn(text, len);
    free(text);
    return value;
}

/* "65515:7" and not bgpctl's NO_EXPORT: readers split them at the colon. */
static void set_communities(json_t *o, const char *key, const json_t *list)
{
    json_t *texts = json_array(), *item;
    size_t i;
    json_array_foreach(list, i, item) json_array_append_new(texts, joined(item, 0, ":"));
    if (json_array_size(texts))
        json_object_set(o, key, texts);
    json_decref(texts);
}

/* "rt 65001:1" */
static void set_ext_communities(json_t *o, const json_t *list)
{
    json_t *texts = json_array(), *item, *value;
    size_t i;
    json_array_foreach(list, i, item)
    {
        value = joined(item, 1, ":");
        json_array_append_new(texts, json_sprintf("%s %s", json_string_value(json_array_get(item, 0)), json_string_value(value)));
        json_decref(value);
    }
    if (json_array_size(texts))
        json_object_set(o, "extended_communities", texts);
    json_decref(texts);
}

static json_t *heard_from(const struct api_view *v, const struct rib *r, const struct rib_path *p)
{
    return json_pack("{s:o, s:o, s:o}", "description", json_text(core_nva_name(v->core, p->nva)), "remote_addr",
                     json_addr(&r->nvas[p->nva].address), "bgp_id",
                     identifier(r->origins[p->origin].sessions[p->nva].identifier));
}

static json_t *rib_entry(const struct api_view *v, uint32_t path)
{
    static const char *const origins[] = { "IGP", "EGP", "incomplete" };
    struct rib *r = core_rib(v->core);
    const struct rib_path *p = rib_path(r, path);
    const struct bgp_attrs *attrs = bgp_attrs_get(&r->attrs, rib_path_attrs(r, p));
    uint32_t net = rib_path_net(r, p);
    struct ip_prefix prefix;
    json_t *bgp = lg_attrs(attrs);
    prefix_table_prefix(&r->nets, net, &prefix);
    json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "prefix", json_prefix(&prefix), "aspath",
                          joined(json_object_get(bgp, "as_path"), 0, " "), "exit_nexthop", json_addr(&attrs->next_hop), "true_nexthop",
                          json_addr(&attrs->next_hop), "neighbor", heard_from(v, r, p), "valid", 1);
    if (rib_best(rib_net(r, net)) == path)
        json_object_set_new(o, "best", json_true());
    if (rib_path_class(r, p) == RIB_STALE)
        json_object_set_new(o, "stale", json_true());
    json_object_update_new(o, json_pack("{s:s, s:s, s:s, s:I, s:I, s:i}", "source", "external", "ovs", "not-found", "origin",
                                        origins[attrs->origin % 3], "metric",
                                        (json_int_t)(attrs->marks & BGP_MARK_MED ? attrs->med : 0), "localpref",
                                        (json_int_t)bgp_attrs_local_pref(attrs), "weight", 0));
    set_age(o, "last_update", "last_update_sec", seconds_since(v, rib_age_since(r, path)));
    set_communities(o, "communities", json_object_get(bgp, "communities"));
    set_communities(o, "large_communities", json_object_get(bgp, "large_communities"));
    set_ext_communities(o, json_object_get(bgp, "ext_communities"));
    json_decref(bgp);
    return o;
}

/* prefix: the entry of a prefix, or what an address would take, as bgplgd(8) has it. */
void api_bgplgd_rib(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    const char *name = api_param(q, "neighbor"), *prefix = api_param(q, "prefix");
    struct lg_ask ask = { .walk = { .rib = core_rib(v->core), .match = WALK_ALL }, .nva = -1, .wants = lg_wants_accepted,
                          .show = rib_entry };
    if (name)
        ask.nva = find_neighbor(v, name, out);
    if (!ask.nva || (prefix && !api_prefix(q, &ask.walk.prefix, out)))
        return;
    if (prefix)
        ask.walk.match = strchr(prefix, '/') ? WALK_EXACT : WALK_LPM;
    lg_reply(&ask, NULL, "rib", out);
}
