/* What NVAs are told, by names of its own:
 *   A1  what is told is written without a fault
 *   A2  in the end a node tells each NVA what the others announce by then, all of it, as its file has it told, and no more
 *   A3  nothing is told that nobody else ever announced, and no NVA its own
 *   A4  all nodes tell an NVA the same; paths have the same ids
 *   A5  the end of the routes is told once
 *   A6  nobody is told the end of a prefix that another NVA has announced to the same node all the while
 *   A7  at rest nobody is told anything (shrink.c)
 *   S2  as in tables: what was withdrawn is not told any more, nor told again
 *
 * What is expected is worked out from what NVAs say and from the file alone, path by path, without anything of the product's
 * decision. */
#include <string.h>

#include "tests/sim/world.h"

/* ---- what the others announce ---- */

struct offer {
    int nva;
    uint32_t path_id;
    unsigned longer; /* by so many ASes than the NVA means */
};

struct listener { /* whom what is told how */
    const struct world *w;
    const struct config *file;
    const struct config_peer *peer;
    const struct nva *nva;
    const struct nva_session *session;
    const struct host *host;
};

/* Its own number in what it says, so many times. */
static uint32_t times(const struct listener *l, const struct offer *o, int number)
{
    const struct sim_rule *r = sim_rule_of(l->file, o->nva);
    return 1 + l->w->nvas[o->nva].prepend[number] + o->longer + (uint32_t)(r->lengthens >> number & 1) +
           sim_least_extra(l->w, o->nva, number);
}

/* Is its own AS in the path? It is told such a path where there is no other (allowas-in), or with another AS there. */
static bool loops(const struct listener *l, const struct offer *o, int number)
{
    const struct sim_form f = sim_form_of(l->w, o->nva, number);
    return !l->peer->as_override && (l->w->nvas[o->nva].asn == l->nva->asn || f.behind == l->nva->asn);
}

/* May it be told this one, by what the route says and the file? */
static bool is_for(const struct listener *l, int nva, int number)
{
    const struct sim_form f = sim_form_of(l->w, nva, number);
    const struct sim_rule *own = sim_rule_of(l->file, l->nva->number);
    bool is_alike = l->file->branch_to_branch || l->file->peers[nva].type == l->peer->type;
    bool is_shunned = own->shuns && (own->shuns == l->w->nvas[nva].asn || own->shuns == f.behind);
    return is_alike && !f.stays && !is_shunned && !l->peer->no_export && !(own->withholds >> number & 1);
}

static bool is_better(const struct listener *l, const struct offer *a, const struct offer *b, int number)
{
    uint32_t x = sim_merit(l->w, l->file, a->nva, number) + a->longer * SIM_MERIT_AS;
    uint32_t y = sim_merit(l->w, l->file, b->nva, number) + b->longer * SIM_MERIT_AS;
    if (loops(l, a, number) != loops(l, b, number))
        return loops(l, b, number);
    if (x != y)
        return x < y;
    return a->nva != b->nva ? a->nva < b->nva : a->path_id < b->path_id; /* BGP identifiers go by number */
}

static bool tells_two(const struct listener *l, int nva)
{
    uint8_t how = l->file->peers[nva].add_path;
    return how == CONFIG_ADD_PATH_RECEIVE || how == CONFIG_ADD_PATH_BOTH;
}

static uint32_t offers_of(const struct listener *l, int number, struct offer *out)
{
    uint32_t count = 0;
    for (int i = 0; i < l->w->nva_count; i++) {
        bool is_there = l->w->nvas[i].truth[number] && sim_takes(l->w, l->file, i, number);
        if (!is_there || i == l->nva->number || !is_for(l, i, number))
            continue;
        out[count++] = (struct offer){ .nva = i, .path_id = 1 };
        if (tells_two(l, i))
            out[count++] = (struct offer){ .nva = i, .path_id = 2, .longer = 1 };
    }
    return count;
}

/* ---- as it is told ---- */

enum { FAR_AS = 64999, MED = 50 }; /* of its own route map */

static uint32_t local_asn(const struct listener *l)
{
    return l->peer->local_asn ? l->peer->local_asn : l->file->asn;
}

static void write_path(struct sim_word *word, uint8_t origin, const uint32_t *path, unsigned count)
{
    uint8_t attr[8 + 4 * SIM_PATH_MAX];
    struct wire_writer w = wire_writer(attr, sizeof attr);
    word->path_len = (uint8_t)count;
    memcpy(word->path, path, count * sizeof *path);
    wire_put(&w, (const uint8_t[]){ 0x40, BGP_ATTR_AS_PATH, (uint8_t)(2 + 4 * count), 2, (uint8_t)count }, 5);
    for (unsigned i = 0; i < count; i++)
        wire_put32(&w, path[i]);
    told_add(word, (const uint8_t[]){ 0x40, BGP_ATTR_ORIGIN, 1, origin }, 4);
    told_add(word, attr, wire_len(&w));
}

static void write_number(struct sim_word *word, uint8_t flags, uint8_t type, uint32_t number)
{
    uint8_t attr[7] = { flags, type, 4 };
    struct wire_writer w = wire_writer(attr + 3, 4);
    wire_put32(&w, number);
    told_add(word, attr, sizeof attr);
}

/* RFC 9234 section 5. */
static void write_role(const struct listener *l, struct sim_word *word)
{
    if (l->peer->is_rs_client)
        write_number(word, 0xc0, BGP_ATTR_ONLY_TO_CUSTOMER, local_asn(l));
}

static void write_communities(const struct listener *l, struct sim_word *word, const struct offer *o, int number,
                              uint32_t community)
{
    static uint8_t heavy[UINT16_MAX];
    size_t len = nva_heavy(&l->w->nvas[o->nva], number, heavy, sizeof heavy);
    told_add(word, heavy, len);
    if (!len && community)
        write_number(word, 0xc0, BGP_ATTR_COMMUNITIES, community);
}

static uint32_t told_as(const struct listener *l, uint32_t asn)
{
    return l->peer->as_override && asn == l->nva->asn ? local_asn(l) : asn;
}

static struct sim_word word_of(const struct listener *l, const struct offer *o, int number)
{
    struct sim_word word = { .hop = sim_hop(o->nva, number) };
    const struct sim_form f = sim_form_of(l->w, o->nva, number);
    bool is_stretched = sim_rule_of(l->file, l->nva->number)->stretches >> number & 1;
    uint32_t path[SIM_PATH_MAX];
    unsigned count = 0;
    if (l->peer->mode == CONFIG_AZURE)
        path[count++] = local_asn(l);
    if (is_stretched)
        path[count++] = FAR_AS;
    for (uint32_t i = times(l, o, number); i; i--)
        path[count++] = told_as(l, l->w->nvas[o->nva].asn);
    if (f.behind)
        path[count++] = told_as(l, f.behind);
    write_path(&word, f.origin, path, count);
    if (is_stretched)
        write_number(&word, 0x80, BGP_ATTR_MED, MED);
    write_communities(l, &word, o, number, f.community);
    write_role(l, &word);
    return word;
}

/* Leads to the node, by whose address, or to where the file says. */
static uint32_t expect_vnet(const struct listener *l, int number, struct sim_word *out)
{
    const struct ip_prefix prefix = told_prefix(number);
    const struct ip_addr node = sim_addr(l->host->number);
    bool is_set = l->peer->has_next_hop && l->peer->next_hop.family == prefix.family, is_there = false;
    for (size_t i = 0; i < l->file->vnet_count; i++)
        for (size_t k = 0; k < l->file->vnets[i].prefix_count; k++)
            is_there |= ip_prefix_is_equal(&l->file->vnets[i].prefixes[k], &prefix);
    if (!is_there || l->peer->no_export || (!is_set && node.family != prefix.family))
        return 0;
    const uint32_t asn = local_asn(l);
    out[0] = (struct sim_word){ .hop = is_set ? l->peer->next_hop : node };
    write_path(&out[0], BGP_ORIGIN_IGP, &asn, 1);
    write_role(l, &out[0]);
    return 1;
}

static uint32_t expect(const struct listener *l, int number, struct sim_word *out)
{
    struct offer offers[2 * SIM_NVAS_MAX];
    const struct bgp_codec *codec = bgp_session_codec(l->session->machine);
    enum bgp_family family = (enum bgp_family)told_prefix(number).family;
    if (!codec->family[family])
        return 0;
    if (number >= SIM_PREFIXES_MAX)
        return expect_vnet(l, number, out);
    uint32_t count = offers_of(l, number, offers), best = 0;
    for (uint32_t i = 1; i < count; i++)
        best = is_better(l, &offers[i], &offers[best], number) ? i : best;
    if (codec->add_path_in[family])
        for (uint32_t i = 0; i < count; i++)
            out[i] = word_of(l, &offers[i], number);
    else if (count)
        out[0] = word_of(l, &offers[best], number);
    return codec->add_path_in[family] ? count : count > 0;
}

/* ---- A2 ---- */

static void show(const struct listener *l, const char *what, const struct sim_word *words, uint32_t count)
{
    char hop[IP_ADDR_TEXT];
    for (uint32_t i = 0; l->w->verbose && i < count; i++) {
        printf("         %s id %08x via %s, %u octets, path", what, words[i].path_id, ip_addr_format(&words[i].hop, hop),
               words[i].len);
        for (int k = 0; k < words[i].path_len; k++)
            printf(" %u", words[i].path[k]);
        printf("\n");
    }
}

static bool has(const struct sim_word *words, uint32_t count, const struct sim_word *word)
{
    for (uint32_t i = 0; i < count; i++)
        if (told_is_same(&words[i], word))
            return true;
    return false;
}

/* No two that are expected are the same. */
static void compare(struct world *w, const struct listener *l, int number)
{
    struct sim_word words[2 * SIM_NVAS_MAX];
    const struct sim_told *told = &l->session->told[number];
    uint32_t count = expect(l, number, words);
    bool is_same = count == told->count;
    for (uint32_t i = 0; i < count; i++)
        is_same &= has(told->words, told->count, &words[i]);
    if (is_same)
        return;
    show(l, "is told:", told->words, told->count);
    show(l, "expected:", words, count);
    if (number < SIM_PREFIXES_MAX)
        check_explain(w, number);
    sim_fail(w, "A2: node %d tells NVA %d %u paths of prefix %d, and %u are right, or others", l->host->number,
             l->nva->number, told->count, number, count);
}

/* ---- A4 ---- */

/* The configuration's own are each node's. */
static void compare_ids(struct world *w, const struct nva_session *a, const struct nva_session *b, int number)
{
    const struct sim_told *x = &a->told[number], *y = &b->told[number];
    for (int i = 0; i < x->count && i < y->count; i++) {
        bool is_there = false;
        for (int k = 0; k < y->count; k++)
            is_there |= x->words[i].path_id == y->words[k].path_id && told_is_same(&x->words[i], &y->words[k]);
        if (!is_there)
            sim_fail(w, "A4: nodes %d and %d tell NVA %d other paths of prefix %d", a->node, b->node, a->nva->number, number);
    }
}

/* ---- all of it ---- */

static void check_listener(struct world *w, const struct listener *l)
{
    const struct nva_session *s = l->session, *first = NULL;
    if (!s->machine || bgp_session_slot(s->machine) < 0) {
        sim_fail(w, "A2: NVA %d has no session with node %d", l->nva->number, l->host->number);
        return;
    }
    for (int i = l->host->number; i--;)
        first = l->nva->nodes & 1u << i ? &l->nva->sessions[i] : first;
    for (int f = 0; f < BGP_FAMILIES; f++)
        if (s->ends_of_rib[f] != (unsigned)bgp_session_codec(s->machine)->family[f])
            sim_fail(w, "A5: node %d has not told NVA %d the end of its routes", l->host->number, l->nva->number);
    for (int i = 0; i < SIM_PREFIXES_MAX + SIM_VNETS && !w->failure[0]; i++) {
        if (i < w->prefix_count || i >= SIM_PREFIXES_MAX)
            compare(w, l, i);
        if (first && i < SIM_PREFIXES_MAX)
            compare_ids(w, first, s, i);
    }
}

void check_told_settled(struct world *w)
{
    for (int i = 0; i < w->host_count; i++)
        for (int k = 0; k < w->nva_count && !w->failure[0]; k++) {
            const struct config *file = &w->hosts[i].config;
            const struct listener l = { .w = w,
                                        .file = file,
                                        .peer = &file->peers[k],
                                        .nva = &w->nvas[k],
                                        .session = &w->nvas[k].sessions[i],
                                        .host = &w->hosts[i] };
            if (w->nvas[k].nodes & 1u << i && !sim_rule_of(file, k)->is_off)
                check_listener(w, &l);
        }
}

/* ---- A3, meanwhile ---- */

static bool may_be_of(const struct nva *n, int number, const struct sim_word *word)
{
    const struct ip_addr hop = sim_hop(n->number, number);
    return n->ever[number] && ip_addr_is_equal(&hop, &word->hop);
}

void check_word(struct world *w, const struct nva_session *s, int number, const struct sim_word *word)
{
    bool is_anybodys = number >= SIM_PREFIXES_MAX;
    for (int i = 0; i < w->nva_count && !is_anybodys; i++)
        is_anybodys = i != s->nva->number && may_be_of(&w->nvas[i], number, word);
    if (!is_anybodys)
        sim_fail(w, "A3: node %d tells NVA %d a path of prefix %d that no other NVA announced", s->node, s->nva->number, number);
}

/* ---- A6, meanwhile ---- */

/* The node has had the other NVA's route on a session of its own for a while, and its file for as long. */
static bool is_long_known(const struct world *w, const struct host *h, const struct nva *other, int number, uint64_t until)
{
    const struct nva_session *s = &other->sessions[h->number];
    if (!s->machine || bgp_session_slot(s->machine) < 0)
        return false; /* the node may think that it is up by now */
    bool is_heard = check_has_heard(w, h, other->number) && s->up_at < until && s->told_since < until &&
                    w->apart[h->number][other->number] < until;
    return other->truth[number] && other->changed[number] < until && is_heard && h->read_at < until && h->paused_until < until;
}

void check_unsaid(struct world *w, const struct nva_session *s, int number)
{
    enum { LONG_MS = 2000 };
    const struct host *h = &w->hosts[s->node];
    const struct config_peer *peers = h->config.peers;
    uint64_t until = w->now - LONG_MS;
    if (w->apart[s->node][s->nva->number] >= until)
        return; /* it may have been on its way for as long */
    for (int i = 0; i < w->nva_count && !s->told[number].count && number < SIM_PREFIXES_MAX; i++) {
        const struct listener l = { .w = w, .file = &h->config, .peer = &peers[s->nva->number], .nva = s->nva };
        bool may_have = i != s->nva->number && is_for(&l, i, number) && !sim_may_refuse(w, &h->config, i, number);
        if (may_have && is_long_known(w, h, &w->nvas[i], number, until))
            sim_fail(w, "A6: node %d tells NVA %d the end of prefix %d, which NVA %d announces", h->number, s->nva->number,
                     number, i);
    }
}
