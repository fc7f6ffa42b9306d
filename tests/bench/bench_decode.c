/* How many prefixes a CPU-second the decoder of UPDATE takes: messages scanned, attributes checked and made
 * canonical, every prefix read. Two streams: full messages, and messages of a real table's mean (6 prefixes).
 *
 *     bench_decode [SECONDS]       a line for each stream, 20 million a second is the goal */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bgp/codec/msg.h"
#include "bgp/codec/update.h"

enum { STREAM = 8 << 20, ATTRS = 64 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ORIGIN, AS_PATH of four, MED, two communities, a large community: what a route carries in the wild. */
static uint16_t write_attrs(uint8_t *buf, uint32_t nth)
{
    struct wire_writer w = wire_writer(buf, 2 * ATTRS);
    wire_put(&w, "\x40\x01\x01\x00\x40\x02\x12\x02\x04\x00\x00\xfd\xe9", 13);
    for (uint32_t i = 0; i < 3; i++)
        wire_put32(&w, 3320 + nth % 1000 * (i + 1));
    wire_put(&w, "\x80\x04\x04\x00\x00\x00\x0a\xc0\x08\x08\xfd\xe9\x00\x01\xfd\xe9\x00\x02\xc0\x20\x0c", 21);
    for (uint32_t i = 0; i < 3; i++)
        wire_put32(&w, nth);
    return (uint16_t)wire_len(&w);
}

/* Messages of at most `most` prefixes; returns the length of the stream. */
static size_t write_stream(uint8_t *stream, const struct bgp_codec *codec, enum bgp_family family,
                           unsigned most, uint64_t *prefixes)
{
    const struct ip_addr hop[] = { { .family = BGP_IP4, .bytes = { 10, 1, 2, 4 } },
                                   { .family = BGP_IP6, .bytes = { 0xfd, [15] = 4 } } };
    size_t len = 0;
    uint32_t nth = 0;
    while (len + BGP_MESSAGE_MAX <= STREAM) {
        uint8_t attrs[2 * ATTRS];
        struct bgp_update_builder b;
        uint16_t n = write_attrs(attrs, nth);
        struct ip_prefix p = { .family = (uint8_t)family };
        if (!bgp_update_begin_reach(&b, stream + len, codec, family, attrs, n, &hop[family], NULL))
            abort();
        for (bool fits = true; fits && b.count < most; nth++) {
            p.len = (uint8_t)(family == BGP_IP4 ? 16 + nth % 9 : 32 + nth % 17);
            memset(p.bytes, 0, sizeof p.bytes);
            wire_set16(p.bytes, (uint16_t)(0x2000 + nth % 0x1000)); /* 32.0.0.0 and on, or 2000:: */
            fits = bgp_update_add(&b, &p, 0);
        }
        *prefixes += b.count;
        len += bgp_update_end(&b);
    }
    return len;
}

static uint64_t decode_stream(const uint8_t *stream, size_t len, const struct bgp_update_context *ctx,
                              struct arena *arena)
{
    uint64_t seen = 0;
    for (size_t at = 0; at < len;) {
        struct bgp_message m;
        struct bgp_update u;
        struct bgp_fault fault;
        struct ip_prefix p;
        uint32_t id;
        int n = bgp_message_scan(stream + at, len - at, BGP_MESSAGE_MAX, &m, &fault);
        arena_reset(arena);
        if (n <= 0 || bgp_update_decode(m.body, m.body_len, ctx, arena, &u) || u.fault.action)
            abort();
        for (int i = 0; i < u.reach_count; i++)
            while (bgp_nlri_next(&u.reach[i], &p, &id))
                seen++;
        at += (size_t)n;
    }
    return seen;
}

static void measure(const char *name, enum bgp_family family, unsigned most, double seconds)
{
    const struct bgp_codec codec = { .as4 = true, .family = { true, true }, .max_message = BGP_MESSAGE_MAX };
    const struct bgp_update_context ctx = { .codec = &codec,
                                            .peer_asn = 65001,
                                            .local_addr = { .bytes = { 10, 1, 1, 4 } } };
    struct arena arena = { 0 };
    uint8_t *stream = malloc(STREAM);
    uint64_t prefixes = 0, total = 0;
    if (!stream)
        abort();
    size_t len = write_stream(stream, &codec, family, most, &prefixes);
    double begin = cpu_seconds(), used;
    do {
        if (decode_stream(stream, len, &ctx, &arena) != prefixes)
            abort();
        total += prefixes;
        used = cpu_seconds() - begin;
    } while (used < seconds);
    printf("decode %-28s %6.1f million prefixes a CPU-second\n", name, (double)total / used / 1e6);
    arena_fini(&arena);
    free(stream);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    measure("IPv4, full messages", BGP_IP4, UINT32_MAX, seconds);
    measure("IPv4, 6 prefixes a message", BGP_IP4, 6, seconds);
    measure("IPv6, full messages", BGP_IP6, UINT32_MAX, seconds);
    measure("IPv6, 6 prefixes a message", BGP_IP6, 6, seconds);
    return 0;
}
