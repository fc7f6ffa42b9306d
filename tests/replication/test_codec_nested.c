/* Batches as minor 3 has them. */
#include "bgp/rib/rib.h"
#include "tests/lib/codec_lab.h"

static void test_a_nested_batch_keeps_every_field(void)
{
    batch_is_kept(true);
}

/* A nested batch with one name, one attribute set, one fact and one group, which a test then spoils. */
struct spoiled {
    Tandem__Cluster__Message message;
    Tandem__Cluster__NestedBatch batch;
    Tandem__Cluster__Attr attr, *attrs[1];
    Tandem__Cluster__Fact fact, *facts[1];
    Tandem__Cluster__Routes routes, *groups[1];
    char name[80], *names[1];
    uint8_t hop[17], nlri[64];
};

static void spoil_begin(struct spoiled *s)
{
    *s = (struct spoiled){ .message = TANDEM__CLUSTER__MESSAGE__INIT,
                           .batch = TANDEM__CLUSTER__NESTED_BATCH__INIT,
                           .attr = TANDEM__CLUSTER__ATTR__INIT,
                           .fact = TANDEM__CLUSTER__FACT__INIT,
                           .routes = TANDEM__CLUSTER__ROUTES__INIT,
                           .name = "fw-1",
                           .nlri = { 8, 10 } };
    s->message.kind_case = TANDEM__CLUSTER__MESSAGE__KIND_NESTED_BATCH;
    s->message.nested_batch = &s->batch;
    s->attrs[0] = &s->attr;
    s->facts[0] = &s->fact;
    s->groups[0] = &s->routes;
    s->names[0] = s->name;
    s->attr.next_hop = (ProtobufCBinaryData){ 4, s->hop };
    s->routes.nlri = (ProtobufCBinaryData){ 2, s->nlri };
    s->routes.attr = 1;
    s->batch.origin = 1;
    s->batch.attrs = s->attrs;
    s->batch.facts = s->facts;
    s->batch.routes = s->groups;
    s->batch.names = s->names;
    s->batch.n_attrs = s->batch.n_facts = s->batch.n_routes = s->batch.n_names = 1;
}

#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct spoiled s;                                                                          \
        spoil_begin(&s);                                                                           \
        change;                                                                                    \
        CU_ASSERT_EQUAL(decode_cluster(&s.message), REPL_ERR_MALFORMED);                           \
    } while (0)

static void test_a_nested_batch_that_lies_is_refused(void)
{
    struct spoiled good;
    spoil_begin(&good);
    CU_ASSERT_EQUAL(decode_cluster(&good.message), 0);
    REFUSED(s.batch.origin = 0);
    REFUSED(s.batch.origin = REPL_NODES_MAX + 1);
    REFUSED(s.routes.name = 1);            /* past the names */
    REFUSED(s.fact.name = 1);
    REFUSED(s.fact.name = UINT32_MAX);
    REFUSED(s.fact.state = RIB_SESSION_GRACE + 1);
    REFUSED(s.routes.attr = 2);            /* past the attribute sets */
    REFUSED(s.routes.family = BGP_FAMILIES);
    REFUSED(s.attr.next_hop.len = 0);
    REFUSED(s.attr.next_hop.len = 5);
    REFUSED(s.attr.next_hop.len = 17);
    REFUSED(s.attr.link_local = s.attr.next_hop; s.attr.link_local.len = 3);
    REFUSED(s.attr.parts = UINT16_MAX + 1);
    REFUSED(s.batch.part_at = UINT16_MAX + 1);
    REFUSED(s.name[0] = 0);
    REFUSED(memset(s.name, 'a', REPL_NAME_MAX + 1));
    REFUSED(s.batch.n_names = 0);          /* the group's name is gone */
    static uint8_t steps[] = { 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1 };
    REFUSED(s.routes.versions = ((ProtobufCBinaryData){ 2, steps }));      /* one does not end */
    REFUSED(s.routes.versions = ((ProtobufCBinaryData){ 11, steps + 1 })); /* longer than any number */
    REFUSED(s.nlri[0] = 0; s.routes.versions = ((ProtobufCBinaryData){ 1, steps })); /* one for two */
}

static void test_nlri_that_do_not_add_up_are_refused(void)
{
    REFUSED(s.nlri[0] = 33);               /* longer than an address */
    REFUSED(s.nlri[0] = 9);                /* needs a byte more */
    REFUSED(s.routes.nlri.len = 1);
    REFUSED(s.routes.family = BGP_IP6; s.nlri[0] = 129);
    REFUSED(s.routes.has_path_id = true);  /* two bytes are no path id */
    REFUSED(s.routes.has_path_id = true; s.routes.nlri.len = 4);
}

/* Two bytes of an empty submessage cost the reader far more than two bytes: that is bounded. */
static void test_a_frame_of_empty_submessages_stays_small_in_memory(void)
{
    static uint8_t frame[REPL_PAYLOAD_MAX] = { CLUSTER };
    size_t body = sizeof frame - 1 - 4, at = 1;
    frame[at++] = 2 << 3 | 2; /* Message.nested_batch, a length of two bytes */
    frame[at++] = (uint8_t)(body & 0x7f) | 0x80;
    frame[at++] = (uint8_t)(body >> 7) | 0x80;
    frame[at++] = 0;
    for (; at + 1 < sizeof frame; at += 2) {
        frame[at] = 9 << 3 | 2; /* NestedBatch.routes */
        frame[at + 1] = 0;
    }
    struct arena arena = { 0 };
    struct repl_msg out;
    CU_ASSERT_EQUAL(repl_msg_decode(frame, at, &arena, &out), REPL_ERR_MALFORMED);
    arena_fini(&arena);
}

CU_MAIN("codec_nested", CU_CASE(test_a_nested_batch_keeps_every_field),
        CU_CASE(test_a_nested_batch_that_lies_is_refused), CU_CASE(test_nlri_that_do_not_add_up_are_refused),
        CU_CASE(test_a_frame_of_empty_submessages_stays_small_in_memory))
