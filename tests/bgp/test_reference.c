/* Random UPDATEs, valid and mutated, mean the same to the decoder and to the reference in tests/lib. */
#include "tests/lib/reference.h"

#include "bgp/codec/aspath.h"
#include "tests/lib/bgp_lab.h"
#include "tests/lib/random.h"

static struct bgp_lab l;
static struct reference reference;

static void put_random(struct random *r, struct wire_writer *w, unsigned len)
{
    while (len--)
        wire_put8(w, (uint8_t)random_next(r));
}

static void put_prefixes(struct random *r, struct wire_writer *w, enum bgp_family family, unsigned count)
{
    for (; count; count--) {
        if (l.codec.add_path_in[family])
            wire_put32(w, random_below(r, 4));
        unsigned len = random_below(r, family == BGP_IP4 ? 33 : 129);
        wire_put8(w, (uint8_t)len);
        put_random(r, w, (len + 7) / 8);
    }
}

static void put_path(struct random *r, struct wire_writer *w, unsigned width, bool first)
{
    for (unsigned segments = random_below(r, 3) + first; segments; segments--, first = false) {
        unsigned count = 1 + random_below(r, 4);
        wire_put8(w, random_below(r, 30) ? AS_SEQUENCE : (uint8_t)random_below(r, 6));
        wire_put8(w, (uint8_t)count);
        for (unsigned i = 0; i < count; i++) {
            uint32_t asn = first && i == 0          ? 65001
                           : random_below(r, 4) == 0 ? AS_TRANS
                                                     : random_below(r, width == 4 ? 200000 : 65536);
            if (width == 4)
                wire_put32(w, asn);
            else
                wire_put16(w, (uint16_t)asn);
        }
    }
}

static void put_mp_reach(struct random *r, struct wire_writer *w)
{
    static const uint8_t hops[] = { 4, 16, 16, 16, 32, 32, 0, 24 };
    enum bgp_family family = random_below(r, 4) ? BGP_IP6 : BGP_IP4;
    uint8_t hop = family == BGP_IP4 && random_below(r, 2) ? 4 : hops[random_below(r, sizeof hops)];
    wire_put16(w, random_below(r, 20) ? bgp_family_afi(family) : 25);
    wire_put8(w, random_below(r, 20) ? 1 : 128);
    wire_put8(w, hop);
    for (unsigned i = 0; i < hop; i++)
        wire_put8(w, i == 0 ? 0xfd : i == 16 ? 0xfe : i == 17 ? 0x80 : (uint8_t)random_below(r, 9));
    wire_put8(w, 0);
    put_prefixes(r, w, family, random_below(r, 4));
}

static void put_mp_unreach(struct random *r, struct wire_writer *w)
{
    enum bgp_family family = random_below(r, 4) ? BGP_IP6 : BGP_IP4;
    wire_put16(w, bgp_family_afi(family));
    wire_put8(w, random_below(r, 20) ? 1 : 2);
    put_prefixes(r, w, family, random_below(r, 4));
}

/* A value that is right for its type, most of the time. */
static void put_value(struct random *r, struct wire_writer *w, uint8_t type)
{
    static const uint8_t units[256] = { [4] = 4, [5] = 4, [8] = 4, [9] = 4, [10] = 4, [16] = 8, [18] = 8,
                                        [25] = 20, [32] = 12, [35] = 4 };
    unsigned width = l.codec.as4 ? 4 : 2;
    unsigned times = type == 8 || type == 10 || type == 16 || type == 25 || type == 32 ? 1 + random_below(r, 3) : 1;
    if (type == BGP_ATTR_ORIGIN) {
        wire_put8(w, (uint8_t)random_below(r, random_below(r, 20) ? 3 : 256));
    } else if (type == BGP_ATTR_AS_PATH) {
        put_path(r, w, width, true);
    } else if (type == BGP_ATTR_AS4_PATH) {
        put_path(r, w, 4, false);
    } else if (type == BGP_ATTR_NEXT_HOP) {
        wire_put32(w, random_below(r, 10) ? 0x0a010204 : (uint32_t)random_next(r));
    } else if (type == BGP_ATTR_AGGREGATOR) {
        put_random(r, w, width - 2);
        wire_put16(w, random_below(r, 2) ? AS_TRANS : (uint16_t)random_below(r, 3));
        put_random(r, w, 4);
    } else if (type == BGP_ATTR_MP_REACH) {
        put_mp_reach(r, w);
    } else if (type == BGP_ATTR_MP_UNREACH) {
        put_mp_unreach(r, w);
    } else if (type == BGP_ATTR_LARGE_COMMUNITIES) {
        for (unsigned i = 0; i < times * 12; i++)
            wire_put8(w, (uint8_t)(i % 12 == 11 ? random_below(r, 2) : 0)); /* some of them twice */
    } else if (type != BGP_ATTR_ATOMIC_AGGREGATE) {
        put_random(r, w, units[type] ? units[type] * times : random_below(r, random_below(r, 30) ? 9 : 300));
    }
}

static uint8_t flags_of(struct random *r, uint8_t type)
{
    static const uint8_t known[36] = { [1] = 0x40, 0x40, 0x40, 0x80, 0x40, 0x40, 0xc0, 0xc0, 0x80, 0x80,
                                       [14] = 0x80, 0x80, 0xc0, 0xc0, 0xc0, [25] = 0xc0, [32] = 0xc0,
                                       [35] = 0xc0 };
    uint8_t flags = type < 36 && known[type] ? known[type] : random_below(r, 3) ? 0xc0 : 0x80;
    if (random_below(r, 40) == 0)
        flags ^= (uint8_t)(0x40u << random_below(r, 2));
    return random_below(r, 10) ? flags : flags | (uint8_t)random_below(r, 0x40);
}

static void put_attribute(struct random *r, struct wire_writer *w, uint8_t type)
{
    static uint8_t value[4096];
    struct wire_writer v = wire_writer(value, sizeof value);
    put_value(r, &v, type);
    size_t len = wire_len(&v);
    if (random_below(r, 50) == 0)
        len = random_below(r, (uint32_t)len + 1);
    uint8_t flags = flags_of(r, type);
    if (len > 255)
        flags |= BGP_FLAG_EXTENDED;
    wire_put8(w, flags);
    wire_put8(w, type);
    if (flags & BGP_FLAG_EXTENDED)
        wire_put16(w, (uint16_t)len);
    else
        wire_put8(w, (uint8_t)len);
    wire_put(w, value, len);
}

static void put_attributes(struct random *r, struct wire_writer *w)
{
    static const uint8_t others[] = { 4, 5, 6, 7, 7, 8, 9, 10, 14, 15, 16, 17, 17, 18, 18, 25, 32, 35, 99, 200 };
    for (uint8_t type = 1; type <= 3; type++)
        if (random_below(r, 30))
            put_attribute(r, w, type);
    for (unsigned n = random_below(r, 6); n; n--)
        put_attribute(r, w, others[random_below(r, sizeof others)]);
    if (random_below(r, 30) == 0)
        put_attribute(r, w, (uint8_t)random_next(r));
}

static void compose(struct random *r)
{
    struct wire_writer w = wire_writer(l.body, 4096 - 19);
    uint8_t *len = wire_reserve(&w, 2);
    if (random_below(r, 3) == 0)
        put_prefixes(r, &w, BGP_IP4, random_below(r, 5));
    wire_set16(len, (uint16_t)(w.at - len - 2));
    len = wire_reserve(&w, 2);
    if (random_below(r, 20))
        put_attributes(r, &w);
    wire_set16(len, (uint16_t)(w.at - len - 2));
    if (random_below(r, 4))
        put_prefixes(r, &w, BGP_IP4, random_below(r, 5));
    CU_ASSERT_FALSE_FATAL(w.failed);
    l.len = wire_len(&w);
}

static void mutate(struct random *r)
{
    for (unsigned n = random_below(r, 4); n; n--) {
        size_t at = random_below(r, (uint32_t)l.len);
        switch (random_below(r, 4)) {
        case 0:
            l.body[at] ^= (uint8_t)(1u << random_below(r, 8));
            break;
        case 1:
            l.body[at] = (uint8_t)random_next(r);
            break;
        case 2:
            l.body[at] = (uint8_t)(l.body[at] + (random_below(r, 2) ? 1 : -1));
            break;
        default:
            if (random_below(r, 4) == 0)
                l.len = at > 4 ? at : l.len;
        }
    }
}

static void choose_session(struct random *r)
{
    lab_open(&l);
    l.codec.as4 = random_below(r, 2);
    l.codec.family[0] = random_below(r, 10);
    l.codec.family[1] = random_below(r, 10);
    l.codec.add_path_in[0] = random_below(r, 5) == 0;
    l.codec.add_path_in[1] = random_below(r, 5) == 0;
    l.codec.ext_next_hop = random_below(r, 2);
    l.ctx.any_first_as = random_below(r, 4) == 0;
    if (random_below(r, 10) == 0)
        l.ctx.disabled = (uint8_t)(1u << random_below(r, 2));
}

static void show(const char *what)
{
    printf("\n    differ in: %s\n    decoder: %s\n    body: ", what, l.text);
    for (size_t i = 0; i < l.len; i++)
        printf("%02x", l.body[i]);
    printf("\n");
    CU_FAIL_FATAL("the decoder and the reference disagree");
}

static void compare(void)
{
    uint8_t *exact = malloc(l.len + !l.len);
    memcpy(exact, l.body, l.len);
    arena_reset(&l.arena);
    CU_ASSERT_EQUAL_FATAL(bgp_update_decode(exact, l.len, &l.ctx, &l.arena, &l.update), 0);
    ref_decode(&reference, exact, l.len, &l.ctx);
    const char *what = ref_compare(&reference, &l.update);
    free(exact);
    if (what) {
        lab_decode(&l);
        lab_close(&l);
        show(what);
    }
}

static void test_random_updates_mean_the_same_to_both(void)
{
    struct random random = random_new("reference");
    unsigned actions[BGP_ACTION_SESSION_RESET + 1] = { 0 };
    for (int round = 0; round < 40000; round++) {
        if (round % 100 == 0) {
            lab_close(&l);
            choose_session(&random);
        }
        compose(&random);
        if (round % 3 == 0)
            mutate(&random);
        compare();
        actions[l.update.fault.action]++;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        CU_ASSERT(actions[i] > 200); /* each way to end was gone often */
    lab_close(&l);
}

static void test_every_truncation_means_the_same_to_both(void)
{
    struct random random = random_new("reference");
    for (int round = 0; round < 60; round++) {
        static uint8_t whole[4096];
        choose_session(&random);
        compose(&random);
        size_t len = l.len;
        memcpy(whole, l.body, len);
        for (size_t cut = 4; cut <= len; cut++) {
            memcpy(l.body, whole, l.len = cut);
            compare();
        }
        lab_close(&l);
    }
}

CU_MAIN("reference", CU_CASE(test_random_updates_mean_the_same_to_both),
        CU_CASE(test_every_truncation_means_the_same_to_both))
