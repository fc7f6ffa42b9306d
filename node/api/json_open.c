/* An OPEN as JSON: what one side of a session says of itself. */
#include <stdio.h>

#include "node/api/sight.h"

static const char *const family_names[BGP_FAMILIES] = { [BGP_IP4] = "ipv4", [BGP_IP6] = "ipv6" };

static json_t *family_list(uint8_t families)
{
    json_t *list = json_array();
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (families & 1u << f)
            json_array_append_new(list, json_string(family_names[f]));
    return list;
}

static json_t *graceful_restart(const struct bgp_open *o)
{
    if (!o->graceful_restart)
        return json_null();
    return json_pack("{s:i, s:b, s:b, s:o, s:o}", "restartTimeSeconds", (int)o->restart_s, "restarting",
                     o->restarting, "notification", o->gr_notification, "families", family_list(o->gr_family),
                     "forwarding", family_list(o->gr_forwarding));
}

static json_t *long_lived(const struct bgp_open *o)
{
    if (!o->long_lived)
        return json_null();
    json_t *times = json_object();
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (o->llgr_family & 1u << f)
            json_object_set_new(times, family_names[f], json_count(o->stale_s[f]));
    return json_pack("{s:o, s:o}", "staleTimeSeconds", times, "forwarding", family_list(o->llgr_forwarding));
}

/* RFC 9234 section 4.1. */
static json_t *role(int16_t number)
{
    static const char *const names[] = { "provider", "rs", "rsClient", "customer", "peer" };
    if (number < 0)
        return json_null();
    return number < 5 ? json_string(names[number]) : json_count((uint64_t)number);
}

static json_t *add_path(const struct bgp_open *o)
{
    static const char *const modes[] = { "none", "receive", "send", "both" };
    json_t *modes_of = json_object();
    for (int f = 0; f < BGP_FAMILIES; f++)
        json_object_set_new(modes_of, family_names[f], json_string(modes[o->add_path[f] & 3]));
    return modes_of;
}

json_t *sight_open(const struct bgp_open *o)
{
    char text[IP_ADDR_TEXT];
    snprintf(text, sizeof text, "%u.%u.%u.%u", o->identifier >> 24, o->identifier >> 16 & 255,
             o->identifier >> 8 & 255, o->identifier & 255);
    uint8_t families = (uint8_t)(o->family[BGP_IP4] << BGP_IP4 | o->family[BGP_IP6] << BGP_IP6);
    json_t *json = json_pack("{s:I, s:s, s:i, s:o, s:b, s:b, s:b, s:b, s:b}", "asn", (json_int_t)o->asn,
                             "identifier", text, "holdTimeSeconds", (int)o->hold_s, "families",
                             family_list(families), "fourOctetAs", o->as4, "routeRefresh", o->refresh,
                             "enhancedRefresh", o->enhanced_refresh, "extendedMessage", o->extended_message,
                             "extendedNextHop", o->ext_next_hop);
    json_object_set_new(json, "addPath", add_path(o));
    json_object_set_new(json, "gracefulRestart", graceful_restart(o));
    json_object_set_new(json, "longLivedGracefulRestart", long_lived(o));
    json_object_set_new(json, "role", role(o->role));
    return json;
}
