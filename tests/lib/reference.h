/* A second decoder of UPDATE, for comparison with the product's: written from the RFCs alone, with
 * indices instead of cursors, one switch instead of tables, and nothing that is fast. It says what each
 * message does, in the order in which it is to be done. */
#ifndef TANDEM_TESTS_LIB_REFERENCE_H
#define TANDEM_TESTS_LIB_REFERENCE_H

#include <stdlib.h>
#include <string.h>

#include "bgp/codec/update.h"

enum { REF_ROUTES = 16384, REF_BYTES = 300000 };

struct ref_route {
    bool announced;
    uint8_t family, len, bytes[16], hop_family, hop[16], link_local[16];
    uint32_t id;
};

struct reference {
    bool reset, withdraw, discard; /* what errors ask for */
    uint8_t disable, end_of_rib;   /* bit per family */
    struct ref_route routes[REF_ROUTES];
    size_t count;
    uint8_t canonical[REF_BYTES]; /* attributes of what is announced */
    size_t canonical_len;
};

struct ref_attr {
    bool present;
    uint8_t flags;
    const uint8_t *v;
    size_t len;
};

static inline unsigned ref16(const uint8_t *p)
{
    return p[0] * 256u + p[1];
}

static inline uint32_t ref_asn(const uint8_t *p, unsigned width)
{
    return width == 2 ? ref16(p) : ref16(p) * 65536u + ref16(p + 2);
}

/* RFC 4271 section 6.3: a prefix that no host can have an address of is left out. */
static inline bool ref_routable(const struct ref_route *r)
{
    static const uint8_t zero[15];
    unsigned top = ref16(r->bytes);
    uint32_t a = ref_asn(r->bytes, 4);
    if (r->family)
        return top < 0xff00 && (top < 0xfe80 || top > 0xfebf) &&
               (r->len < 128 || r->bytes[15] > 1 || memcmp(r->bytes, zero, 15));
    return (a < 0xe0000000 || a > 0xefffffff) && (r->len < 8 || (a >> 24 != 0 && a >> 24 != 127)) &&
           (r->len < 32 || a != 0xffffffff);
}

/* False: malformed. out NULL: only look. */
static inline bool ref_prefixes(struct reference *out, const uint8_t *p, size_t n, int family, bool with_id,
                                struct ref_route like)
{
    for (size_t i = 0; i < n;) {
        struct ref_route r = like;
        r.family = (uint8_t)family;
        if (with_id) {
            if (n - i < 4)
                return false;
            r.id = ref_asn(p + i, 4);
            i += 4;
        }
        if (i == n || p[i] > (family ? 128 : 32))
            return false;
        r.len = p[i++];
        for (unsigned bit = 0; bit < r.len; bit++) {
            if (i + bit / 8 >= n)
                return false;
            if (p[i + bit / 8] >> (7 - bit % 8) & 1)
                r.bytes[bit / 8] |= (uint8_t)(1 << (7 - bit % 8));
        }
        i += (r.len + 7u) / 8;
        if (out && ref_routable(&r) && out->count < REF_ROUTES)
            out->routes[out->count++] = r;
    }
    return true;
}

/* ---- AS paths, as lists of numbers ---- */

struct ref_path {
    bool malformed, set, confed;
    uint32_t as[70000];
    size_t count;
};

static inline void ref_read_path(struct ref_path *out, const uint8_t *v, size_t len, unsigned width)
{
    out->malformed = out->set = out->confed = false;
    out->count = 0;
    size_t i = 0;
    while (i < len) {
        if (len - i < 2 || v[i + 1] == 0 || v[i] == 0 || v[i] > 4 ||
            len - i - 2 < (size_t)v[i + 1] * width) {
            out->malformed = true;
            return;
        }
        unsigned type = v[i], n = v[i + 1];
        out->set |= type == 1 || type == 4;
        out->confed |= type >= 3;
        for (unsigned k = 0; k < n; k++) {
            uint32_t asn = ref_asn(v + i + 2 + k * width, width);
            if (asn == 0) {
                out->malformed = true;
                return;
            }
            if (type == 2)
                out->as[out->count++] = asn;
        }
        i += 2 + (size_t)n * width;
    }
}

/* ---- attributes ---- */

/* What is wrong with it: 'w' treat as withdraw, 'd' attribute discard, 'r' session reset, '.' nothing,
 * 'i' to be ignored in silence. RFC 7606 section 3, 7; 6793; 8092; 9234; 9774; 7607. */
static inline char ref_judge(unsigned type, const struct ref_attr *a, const struct bgp_update_context *c)
{
    static struct ref_path path;
    const unsigned kind = a->flags >> 6; /* 1 well-known, 2 optional, 3 optional transitive */
    const size_t n = a->len;
    unsigned width = c->codec->as4 ? 4 : 2;
    switch (type) {
    case 1:
        return kind == 1 && n == 1 && a->v[0] <= 2 ? '.' : 'w';
    case 2:
        ref_read_path(&path, a->v, n, width);
        if (kind != 1 || path.malformed || path.set || path.confed)
            return 'w';
        return c->any_first_as || (path.count && path.as[0] == c->peer_asn) ? '.' : 'w';
    case 3:
        return kind == 1 && n == 4 ? '.' : 'w';
    case 4:
        return kind == 2 && n == 4 ? '.' : 'w';
    case 5:
        return kind == 1 ? 'i' : 'w';
    case 6:
        return kind != 1 ? 'w' : n == 0 ? '.' : 'd';
    case 7:
        return kind != 3 ? 'w' : n == width + 4 && ref_asn(a->v, width) ? '.' : 'd';
    case 8:
        return kind == 3 && n && n % 4 == 0 ? '.' : 'w';
    case 9:
    case 10:
        return kind == 2 ? 'i' : 'w';
    case 14:
    case 15:
        return '.';
    case 16:
        return kind == 3 && n && n % 8 == 0 ? '.' : 'w';
    case 17:
        if (width == 4)
            return 'i';
        ref_read_path(&path, a->v, n, 4);
        return kind != 3 ? 'w' : path.malformed || n == 0 ? 'd' : path.set ? 'w' : '.';
    case 18:
        if (width == 4)
            return 'i';
        return kind != 3 ? 'w' : n == 8 && ref_asn(a->v, 4) ? '.' : 'd';
    case 25:
        return kind == 3 && n && n % 20 == 0 ? '.' : 'w';
    case 32:
        return kind == 3 && n && n % 12 == 0 ? '.' : 'w';
    case 35:
        return kind == 3 && n == 4 ? '.' : 'w';
    default:
        return kind < 2 ? 'r' : kind == 2 ? 'i' : '.';
    }
}

static inline void ref_put(struct reference *r, const void *data, size_t len)
{
    if (r->canonical_len + len <= sizeof r->canonical)
        memcpy(r->canonical + r->canonical_len, data, len);
    r->canonical_len += len;
}

static inline void ref_put_head(struct reference *r, unsigned flags, unsigned type, size_t len)
{
    uint8_t head[4] = { (uint8_t)flags, (uint8_t)type, (uint8_t)len };
    if (len > 255) {
        head[0] |= 0x10;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
    }
    ref_put(r, head, len > 255 ? 4 : 3);
}

/* RFC 6793 section 4.2.3. */
static inline void ref_put_path(struct reference *r, const struct ref_attr *a)
{
    static struct ref_path narrow, wide;
    bool stale = a[7].present && a[18].present && ref16(a[7].v) != 23456;
    ref_read_path(&narrow, a[2].v, a[2].len, 2);
    wide.count = 0;
    if (a[17].present && !stale)
        ref_read_path(&wide, a[17].v, a[17].len, 4);
    if (wide.count > narrow.count)
        wide.count = 0;
    for (size_t i = 0; i < wide.count; i++)
        narrow.as[narrow.count - wide.count + i] = wide.as[i];
    ref_put_head(r, 0x40, 2, narrow.count * 4 + (narrow.count + 254) / 255 * 2);
    for (size_t i = 0; i < narrow.count; i++) {
        size_t rest = narrow.count - i;
        uint32_t n = narrow.as[i];
        if (i % 255 == 0)
            ref_put(r, (uint8_t[]){ 2, (uint8_t)(rest > 255 ? 255 : rest) }, 2);
        ref_put(r, (uint8_t[]){ (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }, 4);
    }
}

static inline void ref_put_aggregator(struct reference *r, const struct ref_attr *a)
{
    ref_put_head(r, a[7].flags & 0xe0, 7, 8);
    if (a[18].present && ref16(a[7].v) == 23456) {
        ref_put(r, a[18].v, 8);
        return;
    }
    ref_put(r, "\0", 2);
    ref_put(r, a[7].v, 6);
}

static inline void ref_put_large(struct reference *r, const struct ref_attr *a)
{
    uint8_t *kept = malloc(a->len);
    size_t n = 0;
    for (size_t i = 0; i < a->len; i += 12) {
        bool again = false;
        for (size_t k = 0; k < n; k += 12)
            again |= memcmp(kept + k, a->v + i, 12) == 0;
        if (!again) {
            memcpy(kept + n, a->v + i, 12);
            n += 12;
        }
    }
    ref_put_head(r, a->flags & 0xe0, 32, n);
    ref_put(r, kept, n);
    free(kept);
}

static inline void ref_canonical(struct reference *r, const struct ref_attr *a, bool as4)
{
    for (unsigned type = 0; type < 256; type++) {
        bool known = type <= 10 || (type >= 14 && type <= 18) || type == 25 || type == 32 || type == 35;
        known &= type != 0;
        if (!a[type].present || type == 3 || type == 14 || type == 15 || type == 17 || type == 18)
            continue;
        if (type == 2 && !as4)
            ref_put_path(r, a);
        else if (type == 7 && !as4)
            ref_put_aggregator(r, a);
        else if (type == 32)
            ref_put_large(r, &a[32]);
        else {
            bool optional_transitive = a[type].flags >> 6 == 3;
            unsigned flags = a[type].flags & (optional_transitive ? 0xe0 : 0xc0);
            ref_put_head(r, known ? flags : flags | 0x20, type, a[type].len);
            ref_put(r, a[type].v, a[type].len);
        }
    }
}

/* ---- MP_REACH_NLRI and MP_UNREACH_NLRI ---- */

static inline bool ref_is_heard(const struct bgp_update_context *c, unsigned afi, unsigned safi)
{
    return safi == 1 && (afi == 1 || afi == 2) && c->codec->family[afi - 1] &&
           !(c->disabled >> (afi - 1) & 1);
}

static inline bool ref_usable(const struct bgp_update_context *c, unsigned family, const uint8_t *hop)
{
    static const uint8_t zero[16], one[16] = { [15] = 1 };
    const uint8_t *own = c->local_addr.bytes;
    if (c->local_addr.family == family && !memcmp(own, hop, family ? 16 : 4))
        return false;
    if (family)
        return memcmp(hop, zero, 16) && memcmp(hop, one, 16) && hop[0] != 0xff &&
               (ref16(hop) < 0xfe80 || ref16(hop) > 0xfebf);
    return hop[0] != 0 && hop[0] < 224 && (hop[0] != 127 || own[0] == 127);
}

/* What of the message's NLRI can be read; 'r' reset, 'x' the family is disabled, '.' fine, 'i' not ours. */
static inline char ref_mp(const struct ref_attr *a, bool reach, const struct bgp_update_context *c,
                          struct ref_route *like, const uint8_t **nlri, size_t *n)
{
    if (a->len < 3)
        return 'r';
    unsigned afi = ref16(a->v), head = 3;
    if (!ref_is_heard(c, afi, a->v[2]))
        return 'i';
    int family = (int)afi - 1;
    like->family = (uint8_t)family;
    if (a->flags >> 6 != 2)
        return 'x';
    if (reach) {
        unsigned hop = a->len >= 5 ? a->v[3] : 0;
        bool fits = hop == 16 || hop == 32 ? family || c->codec->ext_next_hop : hop == 4 && !family;
        if (!fits || a->len < 5 + hop)
            return 'x';
        like->hop_family = hop > 4;
        memcpy(like->hop, a->v + 4, hop > 4 ? 16 : 4);
        if (hop == 32 && a->v[20] == 0xfe && a->v[21] >= 0x80 && a->v[21] <= 0xbf)
            memcpy(like->link_local, a->v + 20, 16);
        head = 5 + hop;
    }
    *nlri = a->v + head;
    *n = a->len - head;
    return ref_prefixes(NULL, *nlri, *n, family, c->codec->add_path_in[family], *like) ? '.' : 'x';
}

/* ---- the whole ---- */

/* First occurrences by type; false: the session is reset. */
static inline bool ref_attributes(struct reference *r, const uint8_t *p, size_t n, struct ref_attr a[256],
                                  const struct bgp_update_context *c, bool *others)
{
    bool seen[256] = { false };
    for (size_t i = 0; i < n;) {
        size_t head = p[i] & 0x10 ? 4 : 3;
        unsigned type = n - i >= 2 ? p[i + 1] : 0;
        bool mp = type == 14 || type == 15;
        *others |= type != 15;
        if (n - i < head) {
            r->withdraw = true;
            return !mp;
        }
        size_t len = head == 4 ? ref16(p + i + 2) : p[i + 2];
        if (n - i - head < len) {
            r->withdraw = true;
            return !mp;
        }
        struct ref_attr one = { true, p[i], p + i + head, len };
        i += head + len;
        if (seen[type]) {
            if (mp)
                return false;
            continue;
        }
        seen[type] = true;
        char verdict = ref_judge(type, &one, c);
        if (verdict == 'r')
            return false;
        r->withdraw |= verdict == 'w';
        r->discard |= verdict == 'd';
        if (verdict == '.')
            a[type] = one;
    }
    return true;
}

static inline void ref_decode(struct reference *r, const uint8_t *b, size_t n,
                              const struct bgp_update_context *c)
{
    struct ref_attr a[256];
    struct ref_route like = { 0 }, like_mp = { 0 }, like_un = { 0 };
    bool others = false, id4 = c->codec->add_path_in[0];
    memset(a, 0, sizeof a);
    r->reset = r->withdraw = r->discard = false;
    r->disable = r->end_of_rib = 0;
    r->count = r->canonical_len = 0;
    r->reset = true;
    if (n < 4 || ref16(b) > n - 4)
        return;
    size_t w = ref16(b), attrs = ref16(b + 2 + w);
    if (attrs > n - 4 - w)
        return;
    const uint8_t *p = b + 4 + w, *nlri = p + attrs;
    size_t nlri_len = n - 4 - w - attrs;
    if (!ref_prefixes(NULL, b + 2, w, 0, id4, like) || !ref_prefixes(NULL, nlri, nlri_len, 0, id4, like))
        return;
    if (!ref_attributes(r, p, attrs, a, c, &others))
        return;
    const uint8_t *mp = NULL, *un = NULL;
    size_t mp_len = 0, un_len = 0;
    char is_mp = a[14].present ? ref_mp(&a[14], true, c, &like_mp, &mp, &mp_len) : 0;
    char is_un = a[15].present ? ref_mp(&a[15], false, c, &like_un, &un, &un_len) : 0;
    if (is_mp == 'r' || is_un == 'r')
        return;
    if (is_mp == 'x')
        r->disable |= (uint8_t)(1 << like_mp.family);
    if (is_un == 'x')
        r->disable |= (uint8_t)(1 << like_un.family);
    uint8_t heard = (uint8_t)(ref_is_heard(c, 1, 1) | ref_is_heard(c, 2, 1) << 1);
    if (r->disable && (heard & ~r->disable) == 0)
        return;
    bool classic = nlri_len && (heard & 1);
    /* Mandatory attributes of what is announced, by either way; then what the next hops are worth. */
    if ((classic || (is_mp == '.' && mp_len)) && (!a[1].present || !a[2].present))
        r->withdraw = true;
    if (classic && !a[3].present)
        r->withdraw = true;
    if (!r->withdraw && classic && !ref_usable(c, 0, a[3].v))
        r->withdraw = true;
    if (!r->withdraw && is_mp == '.' && mp_len && !ref_usable(c, like_mp.hop_family, like_mp.hop))
        r->withdraw = true;
    if (a[1].present && a[2].present) {
        ref_canonical(r, a, c->codec->as4);
        if (r->canonical_len > UINT16_MAX)
            r->withdraw = true;
    }
    bool any = nlri_len || is_mp == 'i' || is_mp == 'x' || (is_mp == '.' && mp_len);
    if ((r->withdraw || r->disable) && !any && others)
        return;
    r->reset = false;
    if (heard & 1)
        ref_prefixes(r, b + 2, w, 0, id4, like);
    if (is_un == '.')
        ref_prefixes(r, un, un_len, like_un.family, c->codec->add_path_in[like_un.family], like);
    like_mp.announced = like.announced = !r->withdraw;
    if (r->withdraw)
        like_mp = (struct ref_route){ .family = like_mp.family };
    else if (classic)
        memcpy(like.hop, a[3].v, 4);
    if (is_mp == '.')
        ref_prefixes(r, mp, mp_len, like_mp.family, c->codec->add_path_in[like_mp.family], like_mp);
    if (classic)
        ref_prefixes(r, nlri, nlri_len, 0, id4, like);
    if (n == 4)
        r->end_of_rib = 1;
    else if (is_un == '.' && a[15].len == 3 && w == 0 && nlri_len == 0 && attrs == (p[0] & 0x10 ? 7u : 6u))
        r->end_of_rib = (uint8_t)(1 << like_un.family);
}

/* ---- comparison ---- */

static inline bool ref_is_second(const struct ip_addr *link_local, const uint8_t *wanted)
{
    static const struct ip_addr none;
    return memcmp((link_local ? link_local : &none)->bytes, wanted, 16) == 0;
}

static inline bool ref_is_next(const struct reference *r, size_t *at, struct bgp_nlri n,
                               const struct bgp_attrs *attrs)
{
    struct ip_prefix p;
    uint32_t id;
    while (bgp_nlri_next(&n, &p, &id)) {
        const struct ref_route *w = &r->routes[(*at)++];
        if (*at > r->count || w->announced != !!attrs || w->family != p.family || w->len != p.len ||
            w->id != id || memcmp(w->bytes, p.bytes, 16))
            return false;
        if (attrs && (attrs->next_hop.family != w->hop_family || memcmp(attrs->next_hop.bytes, w->hop, 16) ||
                      !ref_is_second(attrs->link_local, w->link_local)))
            return false;
        if (attrs && (attrs->len != r->canonical_len || memcmp(attrs->bytes, r->canonical, attrs->len)))
            return false;
    }
    return true;
}

/* NULL: both say the same of this message; else what differs. */
static inline const char *ref_compare(const struct reference *r, const struct bgp_update *u)
{
    size_t at = 0;
    bool reset = u->fault.action == BGP_ACTION_SESSION_RESET;
    if (reset != r->reset)
        return "session reset";
    if (reset)
        return NULL;
    uint8_t action = r->disable    ? BGP_ACTION_AFI_DISABLE
                     : r->withdraw ? BGP_ACTION_TREAT_AS_WITHDRAW
                     : r->discard  ? BGP_ACTION_ATTR_DISCARD
                                   : BGP_ACTION_NONE;
    if (u->fault.action != action)
        return "action";
    if (u->disable != r->disable || u->end_of_rib != r->end_of_rib)
        return "disabled families or End-of-RIB";
    for (int i = 0; i < u->withdrawn_count; i++)
        if (!ref_is_next(r, &at, u->withdrawn[i], NULL))
            return "withdrawn routes";
    for (int i = 0; i < u->reach_count; i++)
        if (!ref_is_next(r, &at, u->reach[i], &u->attrs[i]))
            return "announced routes";
    return at == r->count ? NULL : "number of routes";
}

#endif
