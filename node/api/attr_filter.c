#include "node/api/attr_filter.h"

#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "node/api/params.h"
#include "node/api/reply.h"

static const uint64_t ANY = UINT64_MAX; /* no AS has this number */

/* Decimal numbers with colons between them; their count, 0 when it is something else. */
static unsigned read_parts(const char *text, uint64_t parts[static 3])
{
    for (unsigned count = 0; count < 3; text++) {
        size_t digits = strspn(text, "0123456789");
        if (!digits || digits > 10)
            return 0;
        parts[count++] = strtoull(text, NULL, 10);
        text += digits;
        if (!*text)
            return count;
        if (*text != ':')
            return 0;
    }
    return 0;
}

static bool read_community(const char *text, struct attr_filter *f)
{
    uint64_t parts[3];
    unsigned count = read_parts(text, parts);
    struct wire_writer w = wire_writer(f->community, sizeof f->community);
    const uint64_t most = count == 2 ? UINT16_MAX : UINT32_MAX;
    for (unsigned i = 0; i < count; i++) {
        if (parts[i] > most)
            return false;
        if (count == 2)
            wire_put16(&w, (uint16_t)parts[i]);
        else
            wire_put32(&w, (uint32_t)parts[i]);
    }
    f->community_size = (uint8_t)wire_len(&w);
    return count >= 2;
}

bool attr_filter_read(const struct api_request *q, struct attr_filter *f, struct api_reply *out)
{
    const char *community = api_param(q, "community");
    *f = (struct attr_filter){ .asn = ANY };
    if (community && !read_community(community, f)) {
        reply_problem(out, 400, "community", "\"%s\" is no community such as 65515:10 or 65515:1:2", community);
        return false;
    }
    return api_number(q, "asPathContains", 0, UINT32_MAX, &f->asn, out);
}

static bool has_community(const struct attr_filter *f, const struct bgp_attrs *attrs)
{
    struct wire_reader r = wire_reader(attrs->bytes, attrs->len);
    const uint8_t type = f->community_size == 4 ? BGP_ATTR_COMMUNITIES : BGP_ATTR_LARGE_COMMUNITIES;
    struct bgp_attr_view a;
    while (bgp_attrs_next(&r, &a))
        for (size_t at = 0; a.type == type && at + f->community_size <= a.len; at += f->community_size)
            if (memcmp(a.value + at, f->community, f->community_size) == 0)
                return true;
    return false;
}

bool attr_filter_wants(const struct attr_filter *f, const struct bgp_attrs *a)
{
    return (f->asn == ANY || bgp_attrs_count_as(a, (uint32_t)f->asn)) &&
           (!f->community_size || has_community(f, a));
}
