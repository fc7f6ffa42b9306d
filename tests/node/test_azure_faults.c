/* Two nodes, one table, and everything that can go wrong, thousands of times: requests fail in every way,
 * nodes are killed with requests under way, paused, started again, others edit the table. After every write
 * the resource manager has judged that nothing of others was touched and that epochs never fall; here it is
 * judged that no route went that was wanted all the time, and that in the end all is as wanted.
 * AZURE_SEEDS=55 is more than ten thousand faults, where an ordinary run has some two thousand. */
#include "tests/lib/cu.h"

#include "tests/node/azure_rig.h"

enum {
    SEEDS = 12,
    STEPS = 500,       /* of a second or so */
    STABLE_MS = 120000, /* wanted so long: must not go (a write that is under way may be older) */
};

static struct rig rig;

struct tally {
    unsigned faults, writes, kills, pauses, edits, takeovers, gone, differences;
};

static void change_wishes(uint64_t *seed)
{
    unsigned count = fake_chance(seed, 4);
    while (count--)
        rig_want(&rig, 8 + fake_chance(seed, RIG_PREFIXES - 8), (uint8_t)fake_chance(seed, 8));
}

static void hurt_a_node(uint64_t *seed, struct tally *t)
{
    unsigned i = fake_chance(seed, 2);
    struct rig_node *n = &rig.nodes[i], *other = &rig.nodes[1 - i];
    switch (fake_chance(seed, 12)) {
    case 0:
        if (!other->is_up || n->is_paused || !n->is_up)
            break;
        rig_kill(&rig, i);
        t->kills++;
        break;
    case 1:
        if (!n->is_up || n->is_paused || other->is_paused || !other->is_up)
            break;
        n->is_paused = true;
        n->ended_ms = rig.now;
        t->pauses++;
        break;
    case 2:
    case 3:
        if (n->is_paused) {
            n->is_paused = false;
            repl_fence_woke(&n->fence);
        } else if (!n->is_up) {
            rig_start(&rig, i);
        }
        break;
    default:
        break;
    }
}

/* Somebody adds and removes routes and tags of his own; sometimes he takes our fence with him. */
static void edit_table(uint64_t *seed, struct tally *t)
{
    char name[32], text[128];
    json_t *routes = json_object_get(json_object_get(rig.arm.document, "properties"), "routes");
    json_t *tags = json_object_get(rig.arm.document, "tags"), *route;
    size_t i;
    snprintf(name, sizeof name, "theirs-%u", fake_chance(seed, 6));
    json_array_foreach(routes, i, route)
        if (strcmp(json_string_value(json_object_get(route, "name")), name) == 0)
            break;
    if (route && i < json_array_size(routes)) {
        json_array_remove(routes, i);
    } else {
        snprintf(text, sizeof text, "192.0.2.%c/32", name[7]);
        json_array_append_new(routes, json_pack("{s:s, s:{s:s, s:s}}", "name", name, "properties",
                                                "addressPrefix", text, "nextHopType", "None"));
    }
    json_object_set_new(tags, "touched", json_integer((json_int_t)rig.now));
    fake_accept_foreign(&rig.arm);
    t->edits++;
}

/* What was wanted for long must be there, whatever has happened. */
static unsigned gone(const uint8_t *before, const uint8_t *now)
{
    unsigned count = 0;
    for (unsigned i = 0; i < RIG_PREFIXES; i++)
        count += before[i] && !now[i] && rig.truth[i] && rig.now > rig.absent_ms[i] + STABLE_MS;
    return count;
}

static void run_seed(uint64_t seed, struct tally *t)
{
    uint8_t shown[RIG_PREFIXES] = { 0 }, now[RIG_PREFIXES];
    rig_init(&rig, AZ_TABLE("Succeeded", "{\"team\":\"net\"}", AZ_FOREIGN "," AZ_TAGGED), 2);
    rig.seed = seed;
    rig.arm.seed = seed * 77;
    rig.latency_ms = 1 + fake_chance(&seed, 400);
    rig.arm.provisioning_ms = fake_chance(&seed, 6000);
    for (unsigned i = 0; i < RIG_PREFIXES; i++)
        rig.truth[i] = (uint8_t)(i < 8 ? 1 + i % 7 : fake_chance(&seed, 8));
    rig_start(&rig, 0);
    rig_start(&rig, 1);
    rig.arm.chance = 100 + fake_chance(&seed, 400);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned writes = rig.arm.writes;
        change_wishes(&seed);
        hurt_a_node(&seed, t);
        if (fake_chance(&seed, 20) == 0)
            edit_table(&seed, t);
        rig_run(&rig, 100 + fake_chance(&seed, 3000));
        if (rig.arm.writes != writes) {
            rig_shown_all(&rig, now);
            t->gone += gone(shown, now);
            memcpy(shown, now, sizeof shown);
        }
    }
    rig.arm.chance = 0; /* and all is well again */
    for (unsigned i = 0; i < 2; i++) {
        rig.nodes[i].is_paused = false;
        if (!rig.nodes[i].is_up)
            rig_start(&rig, i);
    }
    rig_run(&rig, 300000);
    t->differences += rig_differences(&rig);
    t->faults += rig.arm.faults;
    t->writes += rig.arm.writes;
    t->takeovers += (unsigned)rig.arm.epoch;
    if (*rig.arm.complaint)
        fprintf(stderr, "seed: %s\n", rig.arm.complaint);
    CU_ASSERT_STRING_EQUAL(rig.arm.complaint, "");
    rig_fini(&rig);
}

static void test_nothing_is_lost_over_thousands_of_faults(void)
{
    struct tally t = { 0 };
    const char *wish = getenv("AZURE_SEEDS");
    uint64_t seeds = wish ? strtoul(wish, NULL, 10) : SEEDS;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        unsigned before = t.gone + t.differences;
        run_seed(seed, &t);
        if (t.gone + t.differences != before)
            fprintf(stderr, "seed %u: gone %u, different %u\n", (unsigned)seed, t.gone, t.differences);
    }
    fprintf(stderr, "%u faults, %u writes, %u kills, %u pauses, %u edits, %u takeovers\n", t.faults,
            t.writes, t.kills, t.pauses, t.edits, t.takeovers);
    CU_ASSERT_EQUAL(t.gone, 0);
    CU_ASSERT_EQUAL(t.differences, 0);
    CU_ASSERT_TRUE(t.faults > 100 * seeds && t.writes > 50 * seeds && t.takeovers > 5 * seeds);
    CU_ASSERT_TRUE(t.kills > 5 * seeds && t.pauses > 5 * seeds && t.edits > 10 * seeds);
}

CU_MAIN("azure_faults", CU_CASE(test_nothing_is_lost_over_thousands_of_faults))
