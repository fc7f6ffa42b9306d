/* The kernel target in a network namespace of its own: one life of a process after the other.
 *
 *     na0 10.0.0.1/24, fd00::1/64  ---  na1      nb0 10.0.1.1/24  ---  nb1 */
#ifndef TANDEM_TESTS_NODE_NETLINK_LIFE_H
#define TANDEM_TESTS_NODE_NETLINK_LIFE_H

#include "node/targets/netlink_internal.h"
#include "tests/lib/cu.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TABLE = 100, METRIC = 20, PROTOCOL = 201, ID_BASE = 7000000 };

static const struct hash_key key = { 3, 4 };

/* One life of a process: what it knows, and the target. */
struct life {
    uv_loop_t loop;
    struct prefix_table prefixes;
    struct nhset_table sets;
    struct program *program;
    struct netlink *target;
    char reason[NETLINK_ERROR_MAX]; /* of the last failure */
    unsigned failed, disturbed, differences, released, takeovers;
};

__attribute__((format(printf, 1, 2))) static inline int shell(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return system(line);
}

/* How many lines `ip …` prints that hold this text. */
__attribute__((format(printf, 2, 3))) static inline int lines_of(const char *command, const char *format,
                                                          ...)
{
    char line[1024], text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    FILE *f = popen(command, "r");
    int count = 0;
    while (f && fgets(line, sizeof line, f))
        count += strstr(line, text) != NULL;
    if (f)
        pclose(f);
    return count;
}

#define ROUTES   "ip route show table 100"
#define ROUTES6  "ip -6 route show table 100"
#define NEXTHOPS "ip -d nexthop show"

static inline void links_up(void)
{
    shell("ip link set lo up;"
          "ip link add na0 type veth peer name na1; ip link add nb0 type veth peer name nb1;"
          "ip addr add 10.0.0.1/24 dev na0; ip addr add fd00::1/64 dev na0 nodad;"
          "ip addr add 10.0.1.1/24 dev nb0;"
          "for l in na0 na1 nb0 nb1; do ip link set $l up; done");
}

static inline void links_down(void)
{
    shell("ip route flush table 100 2>/dev/null; ip -6 route flush table 100 2>/dev/null;"
          "ip nexthop flush >/dev/null 2>&1; ip link del na0; ip link del nb0");
}

static inline void on_event(void *data, const struct netlink_event *e)
{
    struct life *l = data;
    if (e->kind == NETLINK_ROUTES_FAILED) {
        l->failed += e->count;
        snprintf(l->reason, sizeof l->reason, "%s", e->text);
    }
    if (e->kind == NETLINK_ROUTES_DISTURBED)
        l->disturbed += e->count;
    l->takeovers += e->kind == NETLINK_TAKEN_OVER;
    if (e->kind == NETLINK_RESYNCED)
        l->differences += e->count;
}

static inline void on_released(void *data, uint32_t prefix)
{
    struct life *l = data;
    l->released++;
    prefix_table_drop(&l->prefixes, prefix);
}

/* as: table, metric and protocol. */
static inline int try_live_as(struct life *l, const struct netlink_cfg *as,
                       char error[static NETLINK_ERROR_MAX])
{
    memset(l, 0, sizeof *l);
    uv_loop_init(&l->loop);
    prefix_table_init(&l->prefixes, key, sizeof(uint32_t));
    nhset_table_init(&l->sets, key);
    l->program = program_new(&program_defaults, &l->sets);
    struct netlink_cfg cfg = {
        .loop = &l->loop,
        .table = as->table,
        .metric = as->metric,
        .protocol = as->protocol,
        .resilient_groups = as->resilient_groups,
        .id_base = ID_BASE,
        .prefixes = &l->prefixes,
        .sets = &l->sets,
        .program = l->program,
        .on_event = on_event,
        .foresee = as->foresee,
        .on_released = on_released,
        .data = l,
    };
    return netlink_new(&l->target, &cfg, error);
}

static inline int try_live(struct life *l, char error[static NETLINK_ERROR_MAX])
{
    return try_live_as(
        l, &(struct netlink_cfg){ .table = TABLE, .metric = METRIC, .protocol = PROTOCOL }, error);
}

static inline void end(struct life *l)
{
    netlink_free(l->target);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    program_free(l->program);
    CU_ASSERT_EQUAL(l->sets.sets.count, 0);
    nhset_table_fini(&l->sets);
    prefix_table_fini(&l->prefixes);
}

static inline void live(struct life *l)
{
    char error[NETLINK_ERROR_MAX];
    CU_ASSERT_EQUAL_FATAL(try_live(l, error), 0);
    program_set_heard(l->program, true, uv_now(&l->loop));
}

static inline uint32_t prefix_of(struct life *l, const char *text)
{
    struct ip_prefix p;
    CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(text, &p), 0);
    return prefix_table_get(&l->prefixes, &p);
}

/* hops: "10.0.0.2 10.0.0.3", "" = none: 0. With a reference. */
static inline uint32_t set_of(struct life *l, const char *hops)
{
    struct ip_addr members[NHSET_MAX];
    char copy[4096], *rest = NULL;
    uint32_t count = 0;
    bool nomem;
    snprintf(copy, sizeof copy, "%s", hops);
    for (char *t = strtok_r(copy, " ", &rest); t; t = strtok_r(NULL, " ", &rest))
        CU_ASSERT_EQUAL_FATAL(ip_addr_parse(t, &members[count++]), 0);
    return nhset_intern(&l->sets, members, count, &nomem);
}

/* "" = not wanted (withdrawn). */
static inline void want(struct life *l, const char *prefix, const char *hops)
{
    uint32_t id = set_of(l, hops);
    CU_ASSERT_EQUAL(
        program_want(l->program, prefix_of(l, prefix), id, PROGRAM_WITHDRAWN, uv_now(&l->loop)), 0);
    nhset_unref(&l->sets, id);
}

static inline void on_stop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

enum { LEFT_TURNS = 32 };

/* The loop for so long; the target's own handles do the work. On a busy machine the time may be over before the program was
 * let in: a kernel answers at once, so what is under way then ends in a few turns more. */
static inline void run_ms(struct life *l, uint64_t ms)
{
    uv_timer_t stop;
    uv_update_time(&l->loop);
    netlink_turn(l->target, uv_now(&l->loop));
    uv_timer_init(&l->loop, &stop);
    uv_timer_start(&stop, on_stop, ms, 0);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&stop, NULL);
    for (int i = 0; i < LEFT_TURNS; i++)
        uv_run(&l->loop, UV_RUN_NOWAIT);
}

static inline void resync(struct life *l)
{
    uv_update_time(&l->loop);
    netlink_resync_by(l->target, uv_now(&l->loop));
    run_ms(l, 20);
}

/* The exit status of a test program; its namespace ends with it. */
static inline int netlink_run(const char *name, const struct cu_case *cases, size_t count)
{
    if (unshare(CLONE_NEWNET)) {
        fprintf(stderr, "%s needs root for a network namespace of its own\n", name);
        return 1;
    }
    return cu_run(name, cases, count);
}

#endif
