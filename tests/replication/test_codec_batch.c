/* Batches in columns: what they say, what they take, and what does not fit together. */
#include "bgp/rib/rib.h"
#include "tests/lib/codec_lab.h"

static void test_a_batch_keeps_every_field(void)
{
    batch_is_kept(false);
}

/* Groups that have most in common take their lengths, and what they bring. */
static void test_what_all_have_is_told_once(void)
{
    enum { MANY = 100 };
    static uint8_t bytes[MANY], buf[REPL_PAYLOAD_MAX];
    static struct repl_attr sets[MANY];
    static struct repl_routes groups[MANY];
    const char *const names[] = { "fw-1", "fw-2" };
    struct repl_msg m = { .kind = REPL_BATCH, .batch = { .origin = 1, .names = names, .name_count = 2, .attrs = sets,
                                                         .routes = groups } };
    for (unsigned i = 0; i < MANY; i++) {
        sets[i] = (struct repl_attr){ .next_hop = hop6, .bytes = bytes + i, .len = 1 };
        groups[i] = (struct repl_routes){ .nva = 1, .generation = 300, .attr = i + 1, .family = BGP_IP6, .nlri = bytes + i,
                                          .len = 1, .restarts = true };
    }
    m.batch.attr_count = m.batch.route_count = 1;
    size_t one = encode(&m, buf);
    m.batch.attr_count = m.batch.route_count = MANY;
    CU_ASSERT_TRUE(encode(&m, buf) <= one + (MANY - 1) * 4 + 2); /* and longer is the message */
}

/* Whoever fills a frame counts by these. */
static void test_no_part_of_a_batch_takes_more_than_it_may_cost(void)
{
    enum { LONG = 300, NAME = REPL_NAME_MAX, MANY = 300 };
    static uint8_t bytes[MANY * LONG], buf[MANY * 3 * LONG];
    static char name[NAME + 1];
    static const char *names[MANY];
    static struct repl_attr sets[MANY];
    static struct repl_fact facts[MANY];
    static struct repl_routes groups[MANY];
    memset(name, 'n', NAME);
    const struct repl_fact fact = { .nva = UINT16_MAX, .generation = UINT32_MAX, .state = UINT8_MAX,
                                    .identifier = UINT32_MAX, .restarts = true, .is_taken_out = true, .families = (1 << BGP_FAMILIES) - 1,
                                    .version = UINT64_MAX };
    for (unsigned i = 0; i < MANY; i++) { /* no column is of one value */
        const struct ip_addr wide = { .family = BGP_IP6, .bytes = { 1, (uint8_t)(i >> 8), (uint8_t)i } };
        names[i] = name;
        facts[i] = fact;
        sets[i] = (struct repl_attr){ .next_hop = wide, .link_local = wide, .bytes = bytes + i * LONG, .len = LONG,
                                      .parts = (uint16_t)(UINT16_MAX - i) };
        groups[i] = (struct repl_routes){ .nva = (uint16_t)(UINT16_MAX - i), .generation = UINT32_MAX - i, .attr = MANY + i + 2,
                                          .family = i ? BGP_IP6 : BGP_IP4, .has_path_id = true, .nlri = bytes + i * LONG,
                                          .len = LONG, .disproved = true, .restarts = true, .unheard = true,
                                          .versions = bytes + i * LONG, .versions_len = LONG };
    }
    struct repl_msg m = { .kind = REPL_BATCH,
                          .batch = { .origin = UINT32_MAX, .incarnation = UINT64_MAX, .from = UINT64_MAX,
                                     .to = UINT64_MAX, .cut = true, .part = bytes, .part_at = UINT16_MAX,
                                     .part_len = LONG, .names = names, .attrs = sets, .facts = facts,
                                     .routes = groups } };
    const size_t most[] = { REPL_COST_NAME + NAME, REPL_COST_ATTR + LONG, REPL_COST_FACT, REPL_COST_ROUTES + 2 * LONG };
    for (unsigned part = 0; part < 2 * sizeof most / sizeof *most; part++) {
        m.batch.is_nested = part & 1;
        m.batch.name_count = part / 2 == 0 ? MANY : 0;
        m.batch.attr_count = part / 2 == 1 ? MANY : 0;
        m.batch.fact_count = part / 2 == 2 ? MANY : 0;
        m.batch.route_count = part / 2 == 3 ? MANY : 0;
        int len = repl_msg_encode(&m, buf, sizeof buf);
        CU_ASSERT_TRUE(len > 0 && (size_t)len <= REPL_COST_BATCH + LONG + MANY * most[part / 2]);
    }
}

/* ---- hostile input ---- */

/* A batch with two names, a hop and a link-local one, three sets and three groups of them: one, two and no routes. */
struct columns {
    Tandem__Cluster__Message message;
    Tandem__Cluster__Batch batch;
    Tandem__Cluster__Fact fact, *facts[1];
    Tandem__Cluster__Hop hop[2], *hops[2];
    char name[80], other[80], *names[2];
    uint32_t lengths[4], places[4], parts[4];                          /* of sets */
    uint32_t group_lengths[4], of[4], generations[4], sets[4], flags[4];
    uint8_t address[17], attributes[8], nlri[8], versions[16];
};

static void columns_begin(struct columns *s)
{
    *s = (struct columns){ .message = TANDEM__CLUSTER__MESSAGE__INIT,
                           .batch = TANDEM__CLUSTER__BATCH__INIT,
                           .fact = TANDEM__CLUSTER__FACT__INIT,
                           .hop = { TANDEM__CLUSTER__HOP__INIT, TANDEM__CLUSTER__HOP__INIT },
                           .name = "fw-1",
                           .other = "fw-2",
                           .lengths = { 3, 0, 4 },
                           .places = { 0, 1, 0 },
                           .parts = { 0, 9, 0 },
                           .group_lengths = { 2, 3, 0 },
                           .of = { 1, 0, 1 },
                           .generations = { 7, 7, 8 },
                           .sets = { 0, 3, 0 },
                           .flags = { 0, TANDEM__CLUSTER__FLAG__DISPROVED, TANDEM__CLUSTER__FLAG__IP6 },
                           .nlri = { 8, 10, 0, 8, 11 },
                           .versions = { 1, 0x80, 1, 3 } };
    s->message.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_BATCH;
    s->message.batch = &s->batch;
    s->hop[0].next_hop = (ProtobufCBinaryData){ 4, s->address };
    s->hop[1].next_hop = s->hop[1].link_local = (ProtobufCBinaryData){ 16, s->address };
    for (int i = 0; i < 2; i++)
        s->hops[i] = &s->hop[i];
    s->facts[0] = &s->fact;
    s->names[0] = s->name;
    s->names[1] = s->other;
    Tandem__Cluster__Batch *b = &s->batch;
    b->origin = 1;
    b->names = s->names;
    b->facts = s->facts;
    b->hops = s->hops;
    b->attr_lengths = s->lengths;
    b->attr_hops = s->places;
    b->attr_parts = s->parts;
    b->attributes = (ProtobufCBinaryData){ 7, s->attributes };
    b->group_lengths = s->group_lengths;
    b->group_names = s->of;
    b->group_generations = s->generations;
    b->group_attrs = s->sets;
    b->group_flags = s->flags;
    b->nlri = (ProtobufCBinaryData){ 5, s->nlri };
    b->versions = (ProtobufCBinaryData){ 4, s->versions };
    b->n_facts = 1;
    b->n_names = b->n_hops = 2;
    b->n_attr_lengths = b->n_attr_hops = b->n_attr_parts = 3;
    b->n_group_lengths = b->n_group_names = b->n_group_generations = b->n_group_attrs = b->n_group_flags = 3;
}

static int after(struct columns *s)
{
    return decode_cluster(&s->message);
}

#define COLUMNS(wanted, change)                                                                    \
    do {                                                                                           \
        struct columns s;                                                                          \
        columns_begin(&s);                                                                         \
        change;                                                                                    \
        CU_ASSERT_EQUAL(after(&s), wanted);                                                        \
    } while (0)
#define TAKEN(change)  COLUMNS(0, change)
#define WRONG(change)  COLUMNS(REPL_ERR_MALFORMED, change)

static void test_a_batch_that_lies_is_refused(void)
{
    TAKEN(s.batch.to = 1);
    WRONG(s.batch.origin = 0);
    WRONG(s.batch.origin = REPL_NODES_MAX + 1);
    WRONG(s.batch.part_at = UINT16_MAX + 1);
    WRONG(s.name[0] = 0);
    WRONG(memset(s.other, 'a', REPL_NAME_MAX + 1));
    WRONG(s.fact.name = 2);
    WRONG(s.fact.state = RIB_SESSION_GRACE + 1);
    WRONG(s.hop[0].next_hop.len = 0);
    WRONG(s.hop[1].next_hop.len = 17);
    WRONG(s.hop[1].link_local.len = 3);
    TAKEN(s.hop[1].link_local.len = 0);
    WRONG(s.places[1] = 2);                /* past the hops */
    WRONG(s.batch.n_hops = 1);
    WRONG(s.batch.n_hops = s.batch.n_attr_hops = 0); /* a set needs one */
    WRONG(s.parts[1] = UINT16_MAX + 1);
    WRONG(s.of[2] = 2);                    /* past the names */
    WRONG(s.of[0] = UINT16_MAX + 1);
    WRONG(s.batch.n_names = 1);
    WRONG(s.sets[1] = 4);                  /* past the sets */
    WRONG(s.sets[1] = UINT32_MAX);
    TAKEN(s.sets[0] = 3; s.sets[1] = 1);
    TAKEN(s.batch.n_group_attrs = 0);      /* each has its own */
    WRONG(s.batch.n_group_attrs = 0; s.batch.n_attr_lengths = s.batch.n_attr_hops = s.batch.n_attr_parts = 2;
          s.batch.attributes.len = 3);     /* there is no third one */
    WRONG(s.flags[1] = 64);
    TAKEN(s.flags[0] = TANDEM__CLUSTER__FLAG__WITHDRAWN);
    WRONG(s.flags[1] = TANDEM__CLUSTER__FLAG__WITHDRAWN); /* with a set */
}

static void test_columns_that_do_not_fit_together_are_refused(void)
{
    static const size_t counts[] = { offsetof(Tandem__Cluster__Batch, n_attr_hops), offsetof(Tandem__Cluster__Batch, n_attr_parts),
                                     offsetof(Tandem__Cluster__Batch, n_group_names),
                                     offsetof(Tandem__Cluster__Batch, n_group_generations),
                                     offsetof(Tandem__Cluster__Batch, n_group_attrs),
                                     offsetof(Tandem__Cluster__Batch, n_group_flags) };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        TAKEN(*(size_t *)((char *)&s.batch + counts[i]) = 0);
        TAKEN(*(size_t *)((char *)&s.batch + counts[i]) = 1);
        WRONG(*(size_t *)((char *)&s.batch + counts[i]) = 2);
        WRONG(*(size_t *)((char *)&s.batch + counts[i]) = 4);
    }
    WRONG(s.batch.n_attr_lengths = 2);
    WRONG(s.batch.n_group_lengths = 2);
    WRONG(s.batch.n_group_lengths = 0; s.batch.nlri.len = s.batch.versions.len = 0); /* of what are the others? */
    WRONG(s.batch.n_group_lengths = s.batch.n_group_generations = s.batch.n_group_attrs = s.batch.n_group_flags = 0;
          s.batch.nlri.len = s.batch.versions.len = 0; s.batch.n_group_names = 1);
    TAKEN(s.batch.n_group_lengths = s.batch.n_group_generations = s.batch.n_group_attrs = s.batch.n_group_flags = 0;
          s.batch.nlri.len = s.batch.versions.len = 0; s.batch.n_group_names = 0);
    WRONG(s.lengths[0] = 2);               /* less than there is */
    WRONG(s.lengths[0] = 4);
    WRONG(s.lengths[2] = UINT32_MAX - 2);
    WRONG(s.batch.attributes.len = 6);
    WRONG(s.batch.attributes.len = 8);
    WRONG(s.group_lengths[1] = 2);
    WRONG(s.group_lengths[2] = 1);
    WRONG(s.group_lengths[0] = UINT32_MAX);
    WRONG(s.batch.nlri.len = 4);
    WRONG(s.batch.nlri.len = 6);
    WRONG(s.group_lengths[0] = 1; s.group_lengths[1] = 4); /* in all as long, and neither adds up */
    WRONG(s.nlri[0] = 33);
    WRONG(s.nlri[0] = 9);
    WRONG(s.flags[0] = TANDEM__CLUSTER__FLAG__PATH_IDS);
    TAKEN(s.batch.versions.len = 0);       /* not told */
    WRONG(s.batch.versions.len = 1);
    WRONG(s.batch.versions.len = 2);       /* the second one does not end */
    WRONG(s.batch.versions.len = 3);
    WRONG(s.batch.versions.len = 5);
    WRONG(memset(s.versions, 0x80, 11); s.versions[10] = 1; s.batch.versions.len = 13);
    TAKEN(memset(s.versions, 0x80, 9); s.versions[9] = 1; s.batch.versions.len = 12);
}

CU_MAIN("codec_batch", CU_CASE(test_a_batch_keeps_every_field), CU_CASE(test_what_all_have_is_told_once),
        CU_CASE(test_no_part_of_a_batch_takes_more_than_it_may_cost), CU_CASE(test_a_batch_that_lies_is_refused),
        CU_CASE(test_columns_that_do_not_fit_together_are_refused))
