/* How long a host agent that follows two nodes works at a time, in CPU time: each of them tells its table, one is gone, is
 * back and tells it once more, and at last both are given up. No socket, and a kernel that does as it is told.
 *
 *     bench_follow [ROUTES]    default: 1000000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/program/follow.h"

enum { NODES = 2, FRAME = 4000, BYTES = 4, WALK = 8192, GOAL_US = 2000 };

static const struct ip_addr hop = { .bytes = { 10, 1, 0, 4 } };
static const uint8_t key[16] = { 3 };

static struct bench {
    struct follow follow;
    struct repl_digest digest; /* of the table that both of them tell */
    uint8_t *nlri;
    uint32_t routes;
    uint64_t now;
    uint64_t pieces, over, longest_us, sum_us;
} b = { .routes = 1000000, .now = 1000 };

static uint64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void count(uint64_t began)
{
    uint64_t us = cpu_us() - began;
    b.pieces++;
    b.sum_us += us;
    b.over += us > GOAL_US;
    b.longest_us = us > b.longest_us ? us : b.longest_us;
}

static void write_table(void)
{
    const struct nhset set = { .count = 1, .members = (struct ip_addr *)(uintptr_t)&hop };
    b.nlri = malloc((size_t)b.routes * BYTES);
    if (!b.nlri)
        abort();
    repl_digest_init(&b.digest, REPL_DIGEST_SUM, key);
    for (uint32_t i = 0; i < b.routes; i++) {
        uint32_t net = (16u << 16) + i;
        struct ip_prefix p = { .len = 24, .bytes = { (uint8_t)(net >> 16), (uint8_t)(net >> 8), (uint8_t)net } };
        memcpy(b.nlri + (size_t)i * BYTES, (uint8_t[]){ 24, p.bytes[0], p.bytes[1], p.bytes[2] }, BYTES);
        repl_digest_add(&b.digest, &p, &set);
    }
}

/* ---- what happens between pieces ---- */

static void carry_out(void)
{
    struct program_op op;
    while (program_next(b.follow.program, b.now, &op))
        program_result(b.follow.program, &op, true, b.now);
    b.now++;
}

static void settle(const char *phase)
{
    carry_out();
    while (follow_is_walking(&b.follow)) {
        uint64_t began = cpu_us();
        follow_turn(&b.follow, WALK, b.now);
        count(began);
        carry_out();
    }
    printf("%-10s longest piece %7.2f ms  %4llu of %5llu above 2 ms  %6.0f ms in all  %8u routes\n", phase,
           (double)b.longest_us / 1e3, (unsigned long long)b.over, (unsigned long long)b.pieces, (double)b.sum_us / 1e3,
           program_stats(b.follow.program)->installed);
    b.pieces = b.over = b.longest_us = b.sum_us = 0;
}

/* ---- what nodes do ---- */

static void say(size_t node, uint32_t from, uint32_t to)
{
    struct repl_table_routes routes = { .next_hops = &hop, .next_hop_count = 1,
                                        .nlri = b.nlri + (size_t)from * BYTES, .len = (uint16_t)((to - from) * BYTES) };
    struct repl_table_batch batch = { .incarnation = 1, .from = from, .to = to, .reset = from == 0, .complete = true,
                                      .cut = to == b.routes, .route_total = b.routes, .routes = &routes, .route_count = 1 };
    repl_digest_write(&b.digest, batch.digest);
    uint64_t began = cpu_us();
    if (follow_apply(&b.follow, node, &batch, b.now) != FOLLOW_APPLIED)
        abort();
    count(began);
    carry_out();
}

static void tell(const char *phase, size_t node)
{
    follow_connected(&b.follow, node);
    for (uint32_t at = 0; at < b.routes; at += FRAME)
        say(node, at, at + FRAME < b.routes ? at + FRAME : b.routes);
    settle(phase);
}

static void go(const char *phase, size_t node)
{
    uint64_t began = cpu_us();
    follow_disconnected(&b.follow, node, b.now);
    count(began);
    settle(phase);
}

static void give_up(const char *phase)
{
    uint64_t began = cpu_us();
    follow_give_up(&b.follow, b.now);
    count(began);
    settle(phase);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        b.routes = (uint32_t)strtoul(argv[1], NULL, 10);
    write_table();
    if (!follow_init(&b.follow, NODES, key, (struct hash_key){ 1, 2 }))
        abort();
    tell("tells", 0);
    tell("the other", 1);
    go("gone", 0);
    tell("is back", 0);
    go("gone", 1);
    give_up("given up");
    follow_fini(&b.follow);
    free(b.nlri);
    return 0;
}
