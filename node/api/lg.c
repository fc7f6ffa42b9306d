/* /lg/birdwatcher/status and …/protocols/…: bounded answers of the looking glass. */
#include "node/api/lg.h"

#include <time.h>

#include "node/api/every_peer.h"
#include "node/api/sight.h"

enum { FRESH_MS = 30000 }; /* so long Alice may show what it has */

static void set_wall_time(json_t *object, const char *key, uint64_t wall_ms)
{
    char text[32];
    struct tm tm;
    time_t s = (time_t)(wall_ms / 1000);
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    json_object_set_new(object, key, json_string(text));
}

void lg_set_time(json_t *object, const char *key, const struct api_view *v, uint64_t at_ms)
{
    uint64_t ago = v->now_ms > at_ms ? v->now_ms - at_ms : 0;
    set_wall_time(object, key, v->wall_ms > ago ? v->wall_ms - ago : 0);
}

json_t *lg_envelope(const struct api_view *v)
{
    json_t *cached_at = json_pack("{s:s, s:s}", "timezone_type", "UTC", "timezone", "UTC");
    set_wall_time(cached_at, "date", v->wall_ms);
    json_t *o = json_pack("{s:{s:s, s:b, s:{s:o}}}", "api", "Version", TANDEM_VERSION, "result_from_cache", 0,
                          "cache_status", "cached_at", cached_at);
    set_wall_time(o, "ttl", v->wall_ms + FRESH_MS);
    return o;
}

void api_lg_status(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_status s;
    struct core_revision r = { 0 };
    json_t *o = lg_envelope(v);
    (void)q;
    core_status(v->core, v->now_ms, &s);
    core_revision(v->core, 0, &r);
    json_t *status = json_pack("{s:s, s:s}", "version", TANDEM_VERSION, "message",
                               s.phase == CORE_STEADY ? "Daemon is up and running" : core_phase_name(s.phase));
    json_object_set_new(status, "router_id", json_sprintf("%u.%u.%u.%u", s.router_id >> 24, s.router_id >> 16 & 255,
                                                          s.router_id >> 8 & 255, s.router_id & 255));
    lg_set_time(status, "current_server", v, v->now_ms);
    lg_set_time(status, "last_reboot", v, s.started_ms);
    lg_set_time(status, "last_reconfig", v, r.at_ms);
    json_object_set_new(o, "status", status);
    reply_json(out, o);
}

/* BIRD's words: up; start while it is tried; down when it is not meant to be. */
static const char *state_of(const struct core_peer_view *p)
{
    return p->state == BGP_ESTABLISHED ? "up" : p->state == BGP_IDLE || !p->here ? "down" : "start";
}

static json_t *route_counts(const struct core_peer_view *p)
{
    uint32_t filtered = p->received > p->accepted ? p->received - p->accepted : 0;
    return json_pack("{s:I, s:I, s:I, s:I}", "imported", (json_int_t)p->accepted, "filtered", (json_int_t)filtered,
                     "exported", (json_int_t)p->advertised, "preferred", (json_int_t)p->best);
}

static json_t *protocol(const struct api_view *v, const struct core_peer_view *p)
{
    json_t *o = json_pack("{s:s, s:s, s:o, s:I, s:s, s:s, s:o}", "bird_protocol", "BGP", "state", state_of(p),
                          "neighbor_address", json_addr(&p->peer->peer_ip), "neighbor_as", (json_int_t)p->peer->peer_asn,
                          "bgp_state", bgp_state_name((enum bgp_state)p->state), "description", p->peer->name, "routes",
                          route_counts(p));
    json_object_set_new(o, "last_error", json_text(p->error.text));
    lg_set_time(o, "state_changed", v, p->state_since_ms);
    return o;
}

static json_t *protocol_short(const struct api_view *v, const struct core_peer_view *p)
{
    json_t *o = json_pack("{s:s, s:s}", "proto", "BGP", "state", state_of(p));
    lg_set_time(o, "since", v, p->state_since_ms);
    return o;
}

static void reply_protocols(const struct api_view *v, struct api_reply *out,
                            json_t *(*show)(const struct api_view *v, const struct core_peer_view *p))
{
    every_peer_reply(&(struct every_peer){ .take_head = lg_envelope(v), .list = "protocols", .is_named = true, .show = show },
                     out);
}

void api_lg_protocols(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_protocols(v, out, protocol);
}

void api_lg_protocols_short(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    (void)q;
    reply_protocols(v, out, protocol_short);
}
