#include <string.h>

#include "tests/sim/world.h"

/* ---- names ---- */

static const struct ip_prefix vnets[SIM_VNETS] = { { .family = BGP_IP4, .len = 16, .bytes = { 10, 1 } },
                                                   { .family = BGP_IP6, .len = 64, .bytes = { 0xfd } },
                                                   { .family = BGP_IP4, .len = 16, .bytes = { 10, 2 } } };

int told_number(const struct ip_prefix *p)
{
    for (int i = 0; i < SIM_VNETS; i++)
        if (memcmp(p, &vnets[i], sizeof *p) == 0)
            return SIM_PREFIXES_MAX + i;
    return sim_prefix_number(p);
}

struct ip_prefix told_prefix(int number)
{
    return number < SIM_PREFIXES_MAX ? sim_prefix(number) : vnets[number - SIM_PREFIXES_MAX];
}

void told_add(struct sim_word *word, const uint8_t *attr, size_t len)
{
    word->len = (uint16_t)(word->len + len);
    for (size_t i = 0; i < len; i++)
        word->attrs = (word->attrs ^ attr[i]) * 0x100000001b3u; /* FNV-1a */
}

bool told_is_same(const struct sim_word *a, const struct sim_word *b)
{
    return a->len == b->len && a->attrs == b->attrs && ip_addr_is_equal(&a->hop, &b->hop);
}

/* ---- the Adj-RIB-In ---- */

void told_begin(struct nva_session *s)
{
    memset(s->told, 0, sizeof s->told);
    memset(s->ends_of_rib, 0, sizeof s->ends_of_rib);
    s->told_since = s->nva->world->now;
}

bool told_by(const struct world *w, int node, int number)
{
    bool is = false;
    for (int i = 0; i < w->nva_count; i++) {
        const struct nva_session *s = &w->nvas[i].sessions[node];
        is |= s->told[number].count && s->told_since >= w->hosts[node].up_since;
    }
    return is;
}

static struct sim_word *find(struct sim_told *t, uint32_t path_id)
{
    for (int i = 0; i < t->count; i++)
        if (t->words[i].path_id == path_id)
            return &t->words[i];
    return NULL;
}

static void drop(struct sim_told *t, struct sim_word *word)
{
    *word = t->words[--t->count];
}

static void take(struct nva_session *s, int number, const struct sim_word *word)
{
    struct world *w = s->nva->world;
    struct sim_told *t = &s->told[number];
    struct sim_word *known = find(t, word->path_id);
    w->counts[SIM_TOLD]++;
    w->counts[SIM_TOLD_AGAIN] += known && !known->is_of_before && told_is_same(known, word);
    if (!known && t->count == SIM_WORDS_MAX) {
        sim_fail(w, "A1: NVA %d is told more paths of prefix %d than there are", s->nva->number, number);
        return;
    }
    *(known ? known : &t->words[t->count++]) = *word;
    check_word(w, s, number, word);
}

static void give_up(struct nva_session *s, int number, uint32_t path_id)
{
    struct sim_word *known = find(&s->told[number], path_id);
    s->nva->world->counts[known ? SIM_UNTOLD : SIM_NEVER_TOLD]++;
    if (!known)
        return;
    drop(&s->told[number], known);
    check_unsaid(s->nva->world, s, number);
}

/* RFC 7313: what comes between the marks is all there is. */
static void refresh(struct nva_session *s, enum bgp_family family, uint8_t mark)
{
    for (int i = 0; i < SIM_PREFIXES_MAX + SIM_VNETS; i++)
        for (int k = s->told[i].count; k-- && told_prefix(i).family == family;) {
            struct sim_word *word = &s->told[i].words[k];
            if (mark == 2 && word->is_of_before)
                drop(&s->told[i], word);
            word->is_of_before |= mark == 1;
        }
    s->nva->world->counts[SIM_TOLD_ANEW] += mark == 2;
}

/* ---- messages ---- */

enum { HEADER = 19, UPDATE = 2, REFRESH = 5, LENGTH_AT = 16, TYPE_AT = 18 };

struct reading {
    struct nva_session *s;
    struct sim_word word;
    bool is_wrong, has_hop, has_path;
    uint8_t last; /* attribute */
};

static uint32_t number_of(const uint8_t *at, unsigned octets)
{
    uint32_t n = 0;
    while (octets--)
        n = n << 8 | *at++;
    return n;
}

/* Length octet, octets, no bit behind the length. */
static bool read_prefix(const uint8_t **at, const uint8_t *end, uint8_t family, struct ip_prefix *out)
{
    *out = (struct ip_prefix){ .family = family, .len = **at };
    size_t octets = (**at + 7u) / 8;
    unsigned spare = (unsigned)(8 * octets - **at);
    if (out->len > (family == BGP_IP4 ? 32 : 128) || (size_t)(end - *at) < 1 + octets)
        return false;
    memcpy(out->bytes, *at + 1, octets);
    *at += 1 + octets;
    return !octets || !(out->bytes[octets - 1] & ((1u << spare) - 1));
}

/* word NULL: they are withdrawn. */
static void read_routes(struct reading *r, const uint8_t *at, const uint8_t *end, uint8_t family, const struct sim_word *word)
{
    bool has_ids = bgp_session_codec(r->s->machine)->add_path_in[family];
    while (at < end && !r->is_wrong) {
        struct ip_prefix prefix;
        uint32_t id = has_ids && end - at > 4 ? number_of(at, 4) : 0;
        at += has_ids ? 4 : 0;
        r->is_wrong = at >= end || !read_prefix(&at, end, family, &prefix);
        int number = r->is_wrong ? -1 : told_number(&prefix);
        if (number < 0) {
            r->is_wrong = true;
        } else if (word) {
            r->word.path_id = id;
            take(r->s, number, &r->word);
        } else {
            give_up(r->s, number, id);
        }
    }
}

static void read_hop(struct reading *r, const uint8_t *at, size_t len)
{
    r->word.hop = (struct ip_addr){ .family = len == 16 ? BGP_IP6 : BGP_IP4 };
    r->is_wrong |= r->has_hop || (len != 4 && len != 16);
    r->has_hop = true;
    if (!r->is_wrong)
        memcpy(r->word.hop.bytes, at, len);
}

/* One sequence: nobody here tells sets. */
static void read_path(struct reading *r, const uint8_t *at, size_t len)
{
    r->word.path_len = len > 2 ? at[1] : 0;
    r->has_path = true;
    r->is_wrong |= r->word.path_len > SIM_PATH_MAX || len != 2u + 4u * r->word.path_len || at[0] != 2;
    for (unsigned i = 0; !r->is_wrong && i < r->word.path_len; i++)
        r->word.path[i] = number_of(at + 2 + 4 * i, 4);
}

struct part { /* of a message */
    const uint8_t *at, *end;
};

/* AFI, SAFI, next hop, a reserved octet, routes. */
static struct part read_mp_reach(struct reading *r, const uint8_t *at, size_t len)
{
    r->is_wrong |= len < 5 || len < 5u + at[3] || number_of(at, 3) != 0x000201 || at[4 + at[3]];
    if (r->is_wrong)
        return (struct part){ 0 };
    read_hop(r, at + 4, at[3]);
    return (struct part){ at + 5 + at[3], at + len };
}

static void read_mp_unreach(struct reading *r, const uint8_t *at, size_t len)
{
    r->is_wrong |= len < 3 || number_of(at, 3) != 0x000201;
    if (r->is_wrong)
        return;
    r->s->ends_of_rib[BGP_IP6] += len == 3;
    read_routes(r, at + 3, at + len, BGP_IP6, NULL);
}

/* What is no next hop and no route counts by its octets. Returns the IPv6 routes that are announced. */
static struct part read_attributes(struct reading *r, const uint8_t *at, const uint8_t *end)
{
    struct part reach = { 0 };
    bool has_more = false;
    while (at < end && !r->is_wrong) {
        const uint8_t *head = at;
        bool is_long = end - at >= 4 && at[0] & BGP_FLAG_EXTENDED;
        size_t len = end - at < 3 ? SIZE_MAX / 2 : is_long ? number_of(at + 2, 2) : at[2];
        at += is_long ? 4 : 3;
        bool is_multi = end - head > 2 && (head[1] == BGP_ATTR_MP_REACH || head[1] == BGP_ATTR_MP_UNREACH);
        r->is_wrong |= at > end || len > (size_t)(end - at) || (!is_multi && head[1] <= r->last);
        if (r->is_wrong)
            break;
        if (head[1] == BGP_ATTR_MP_REACH) {
            reach = read_mp_reach(r, at, len);
        } else if (head[1] == BGP_ATTR_MP_UNREACH) {
            read_mp_unreach(r, at, len);
        } else if (head[1] == BGP_ATTR_NEXT_HOP) {
            read_hop(r, at, len);
        } else {
            told_add(&r->word, head, (size_t)(at + len - head));
            has_more = true;
        }
        if (head[1] == BGP_ATTR_AS_PATH)
            read_path(r, at, len);
        if (!is_multi)
            r->last = head[1];
        at += len;
    }
    r->is_wrong |= has_more && !(r->has_path && r->has_hop);
    return reach;
}

static void read_update(struct reading *r, const uint8_t *at, const uint8_t *end)
{
    size_t withdrawn = end - at >= 4 ? number_of(at, 2) : SIZE_MAX / 2;
    if (withdrawn > (size_t)(end - at) - 4) {
        r->is_wrong = true;
        return;
    }
    const uint8_t *attrs = at + 2 + withdrawn + 2;
    size_t len = number_of(attrs - 2, 2);
    r->is_wrong = len > (size_t)(end - attrs);
    if (r->is_wrong)
        return;
    read_routes(r, at + 2, at + 2 + withdrawn, BGP_IP4, NULL);
    struct part reach = read_attributes(r, attrs, attrs + len);
    r->is_wrong |= (attrs + len < end || reach.at) && !r->has_path; /* routes without attributes */
    read_routes(r, reach.at, reach.end, BGP_IP6, &r->word);
    read_routes(r, attrs + len, end, BGP_IP4, &r->word);
    r->s->ends_of_rib[BGP_IP4] += end - at == 4;
}

void told_message(struct nva_session *s, const uint8_t *bytes, size_t len)
{
    struct reading r = { .s = s };
    if (bytes[TYPE_AT] == UPDATE)
        read_update(&r, bytes + HEADER, bytes + len);
    else if (bytes[TYPE_AT] == REFRESH && len == HEADER + 4 && bytes[HEADER + 2])
        refresh(s, bytes[HEADER + 1] == 2 ? BGP_IP6 : BGP_IP4, bytes[HEADER + 2]);
    if (r.is_wrong)
        sim_fail(s->nva->world, "A1: NVA %d is told nonsense by node %d", s->nva->number, s->node);
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (s->ends_of_rib[f] > 1)
            sim_fail(s->nva->world, "A5: node %d tells NVA %d the end of its routes twice", s->node, s->nva->number);
}
