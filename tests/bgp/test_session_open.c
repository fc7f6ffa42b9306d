#include "bgp/session/session.h"

#include "tests/lib/cu.h"
#include "tests/lib/session_bench.h"

static const int OURS = BGP_SLOT_OURS, THEIRS = BGP_SLOT_THEIRS, NEWER = BGP_SLOT_NEWER;

#define OPEN(as, hold, id) \
    HEADER("001d", "01") "'version' 04 'as'" as "'hold'" hold "'id'" id "'parameters' 00"
#define OPEN_WITH_CAPABILITIES(total, parameters, id, capabilities) \
    HEADER(total, "01") "'version' 04 'as' fde9 'hold' 005a 'id'" id parameters capabilities
#define CEASE_COLLISION NOTIFICATION("06", "07")
#define HIGHER          "0a0000ff" /* than our 10.0.0.1 */
#define LOWER           "0a000000"
#define EQUAL           "0a000001"

/* ---- what an OPEN is refused for ---- */

static void refuse(const struct bgp_session_cfg *cfg, const char *open, const char *answer)
{
    struct bench *b = bench_in(BGP_OPENSENT, cfg);
    bench_feed(b, THEIRS, open);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, answer));
    CU_ASSERT_FALSE(b->wire[THEIRS].open);
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ACTIVE);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

static void accept_open(const struct bgp_session_cfg *cfg, const char *open)
{
    struct bench *b = bench_in(BGP_OPENSENT, cfg);
    bench_feed(b, THEIRS, open);
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, KEEPALIVE));
    CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_OPENCONFIRM);
    bench_free(b);
}

static void test_another_version_is_told_ours(void)
{
    refuse(NULL, HEADER("001d", "01") "03 fde9 005a 0a000002 00", HEADER("0017", "03") "02 01 0004");
    refuse(NULL, HEADER("001d", "01") "05 fde9 005a 0a000002 00", HEADER("0017", "03") "02 01 0004");
}

static void test_a_wrong_as_is_refused(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.peer_asn = 65002;
    refuse(&cfg, PEER_OPEN, NOTIFICATION("02", "02"));
    cfg.peer_asn = 65001;
    accept_open(&cfg, PEER_OPEN);
}

static void test_as_0_is_refused(void)
{
    refuse(NULL, OPEN("0000", "005a", HIGHER), NOTIFICATION("02", "02")); /* RFC 7607 */
}

static void test_our_own_as_is_refused_where_any_other_is_welcome(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.peer_asn = 0;
    refuse(&cfg, OPEN("ffeb", "005a", HIGHER), NOTIFICATION("02", "02"));
    accept_open(&cfg, OPEN("fdea", "005a", HIGHER));
}

static void test_identifier_0_is_refused(void)
{
    refuse(NULL, OPEN("fde9", "005a", "00000000"), NOTIFICATION("02", "03"));
}

static void test_an_external_peer_may_have_our_identifier(void)
{
    accept_open(NULL, OPEN("fde9", "005a", EQUAL)); /* RFC 6286 section 2.1 */
}

static void test_hold_times_of_one_and_two_seconds_are_refused(void)
{
    refuse(NULL, OPEN("fde9", "0001", HIGHER), NOTIFICATION("02", "06"));
    refuse(NULL, OPEN("fde9", "0002", HIGHER), NOTIFICATION("02", "06"));
    accept_open(NULL, OPEN("fde9", "0003", HIGHER));
    accept_open(NULL, OPEN("fde9", "0000", HIGHER));
    accept_open(NULL, OPEN("fde9", "ffff", HIGHER));
}

static void test_without_a_common_family_the_required_ones_are_named(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.family[BGP_IP4] = false;
    cfg.family[BGP_IP6] = true;
    refuse(&cfg, PEER_OPEN, HEADER("001b", "03") "02 07 'multiprotocol' 01 04 0002 00 01"); /* RFC 5492 */
    accept_open(&cfg, OPEN_WITH_CAPABILITIES("0025", "08 02 06", HIGHER, "01 04 0002 00 01"));
}

static void test_an_unknown_optional_parameter_is_refused(void)
{
    refuse(NULL, HEADER("0020", "01") "04 fde9 005a 0a000002 03 01 01 00", NOTIFICATION("02", "04"));
}

/* RFC 5492 section 3. A session that has come up by it and ended leaves the next one a chance for more. */
static void test_who_knows_no_capabilities_is_met_again_without_them(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.family[BGP_IP6] = true;
    struct bench *b = bench_in(BGP_OPENSENT, &cfg);
    bench_feed(b, THEIRS, NOTIFICATION("02", "04"));
    for (int i = 0; i < 2; i++) { /* also when it is lost on the way */
        CU_ASSERT_EQUAL_FATAL(bench_accept(b), THEIRS);
        CU_ASSERT_TRUE(bench_sent(b, THEIRS, OPEN("ffeb", "005a", "0a000001")));
        bench_feed(b, THEIRS, i ? PEER_OPEN KEEPALIVE : NOTIFICATION("06", "00"));
    }
    CU_ASSERT_EQUAL_FATAL(bgp_session_state(b->s), BGP_ESTABLISHED);
    const struct bgp_codec *codec = bgp_session_codec(b->s);
    CU_ASSERT(codec->family[BGP_IP4] && !codec->family[BGP_IP6] && !codec->as4 && !codec->refresh);
    bench_feed(b, THEIRS, NOTIFICATION("02", "04"));
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_EQUAL_FATAL(bench_accept(b), THEIRS);
    CU_ASSERT(b->wire[THEIRS].len > BGP_HEADER + 10);
    bench_free(b);
}

/* One that has taken something else for unsupported is not lost for ever: IPv6 needs a capability. */
static void test_where_it_does_not_do_without_capabilities_they_come_back(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.family[BGP_IP4] = false;
    cfg.family[BGP_IP6] = true;
    for (int by_peer = 0; by_peer < 2; by_peer++) {
        struct bench *b = bench_in(BGP_OPENSENT, &cfg);
        bench_feed(b, THEIRS, NOTIFICATION("02", "04"));
        CU_ASSERT_EQUAL_FATAL(bench_accept(b), THEIRS);
        CU_ASSERT_TRUE(bench_sent(b, THEIRS, OPEN("ffeb", "005a", "0a000001")));
        bench_feed(b, THEIRS, by_peer ? NOTIFICATION("02", "07") : PEER_OPEN);
        CU_ASSERT_EQUAL_FATAL(bench_accept(b), THEIRS);
        CU_ASSERT(b->wire[THEIRS].len > BGP_HEADER + 10);
        bench_free(b);
    }
}

/* Role capability with this value (RFC 9234). */
#define ROLE_OPEN(role) \
    OPEN_WITH_CAPABILITIES("0022", "05 02 03", HIGHER, "09 01" role)

static void test_a_route_server_takes_clients_and_nobody_else(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.is_route_server = true;
    accept_open(&cfg, ROLE_OPEN("02"));
    accept_open(&cfg, PEER_OPEN);
    refuse(&cfg, ROLE_OPEN("00"), NOTIFICATION("02", "0b"));
    refuse(&cfg, ROLE_OPEN("01"), NOTIFICATION("02", "0b"));
    refuse(&cfg, ROLE_OPEN("03"), NOTIFICATION("02", "0b"));
    refuse(&cfg, ROLE_OPEN("04"), NOTIFICATION("02", "0b"));
    refuse(&cfg, ROLE_OPEN("77"), NOTIFICATION("02", "0b"));
    cfg.role_strict = true;
    accept_open(&cfg, ROLE_OPEN("02"));
    refuse(&cfg, PEER_OPEN, NOTIFICATION("02", "0b"));
    cfg.is_route_server = cfg.role_strict = false;
    accept_open(&cfg, ROLE_OPEN("03")); /* without a role of our own theirs means nothing */
}

/* ---- what both agree on ---- */

static void test_the_lower_hold_time_counts(void)
{
    static const struct {
        uint16_t ours;
        const char *theirs;
        uint16_t result;
    } cases[] = { { 90, "001e", 30 }, { 30, "005a", 30 }, { 0, "005a", 0 }, { 90, "0000", 0 },
                  { 3, "ffff", 3 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char open[256];
        struct bgp_session_cfg cfg = bench_cfg();
        cfg.hold_s = cases[i].ours;
        snprintf(open, sizeof open, HEADER("001d", "01") "04 fde9 %s 0a000002 00", cases[i].theirs);
        struct bench *b = bench_in(BGP_OPENSENT, &cfg);
        bench_feed(b, THEIRS, open);
        bench_feed(b, THEIRS, KEEPALIVE);
        CU_ASSERT_EQUAL(bgp_session_state(b->s), BGP_ESTABLISHED);
        CU_ASSERT_EQUAL(bgp_session_hold_s(b->s), cases[i].result);
        bench_free(b);
    }
}

static void test_what_we_say_can_be_seen(void)
{
    struct bgp_session_cfg cfg = bench_cfg();
    cfg.stale_s[BGP_IP6] = 3600;
    struct bench *b = bench_in(BGP_OPENSENT, &cfg);
    struct bgp_open ours = bgp_session_our_open(b->s);
    CU_ASSERT(ours.asn == 65515 && ours.gr_notification && ours.long_lived && ours.llgr_family == 0);
    CU_ASSERT(ours.ext_next_hop); /* RFC 8950, over IPv4 as well: it is said of routes, not of the session */
    bench_free(b);
}

static void test_what_the_peer_said_can_be_seen_while_established(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    CU_ASSERT_EQUAL(bgp_session_peer_open(b->s)->asn, 65001);
    CU_ASSERT_EQUAL(bgp_session_peer_open(b->s)->identifier, 0x0a000002);
    CU_ASSERT_TRUE(bgp_session_codec(b->s)->family[BGP_IP4]);
    CU_ASSERT_FALSE(bgp_session_codec(b->s)->family[BGP_IP6]);
    CU_ASSERT_FALSE(bgp_session_codec(b->s)->as4);
    bench_free(b);
}

/* ---- collision (RFC 4271 section 6.8) ---- */

/* Our dial and the peer's connection both stand in OpenSent. */
static struct bench *crossed(void)
{
    struct bench *b = bench_new(NULL);
    bench_start(b);
    int ours = bench_connected(b);
    int theirs = bench_accept(b);
    CU_ASSERT_EQUAL(ours, OURS);
    CU_ASSERT_EQUAL(theirs, THEIRS);
    bench_flush(b);
    return b;
}

/* OPENs with this identifier and AS come on `first`, then on the other: only `winner` is left. */
static void collide(const char *open, int first, int winner)
{
    struct bench *b = crossed();
    int second = first == OURS ? THEIRS : OURS, loser = winner == OURS ? THEIRS : OURS;
    bench_feed(b, first, open);
    CU_ASSERT_TRUE(b->wire[OURS].open && b->wire[THEIRS].open); /* nothing collides yet */
    CU_ASSERT_TRUE(bench_sent(b, first, KEEPALIVE));
    bench_feed(b, second, open);
    CU_ASSERT_TRUE(bench_sent(b, loser, CEASE_COLLISION));
    CU_ASSERT_FALSE(b->wire[loser].open);
    CU_ASSERT_TRUE(b->wire[winner].open);
    bench_feed(b, winner, KEEPALIVE);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), winner);
    CU_ASSERT_EQUAL(b->ups, 1);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

static void test_a_collision_is_won_by_the_higher_identifier_in_both_orders(void)
{
    collide(OPEN("fde9", "005a", HIGHER), OURS, THEIRS);
    collide(OPEN("fde9", "005a", HIGHER), THEIRS, THEIRS);
    collide(OPEN("fde9", "005a", LOWER), OURS, OURS);
    collide(OPEN("fde9", "005a", LOWER), THEIRS, OURS);
}

static void test_with_equal_identifiers_the_higher_as_wins(void)
{
    collide(OPEN("fde9", "005a", EQUAL), OURS, OURS); /* RFC 6286 section 2.3; we are 65515 */
    collide(OPEN("fde9", "005a", EQUAL), THEIRS, OURS);
    collide(OPEN("fffe", "005a", EQUAL), OURS, THEIRS);
    collide(OPEN("fffe", "005a", EQUAL), THEIRS, THEIRS);
}

static void test_a_connection_in_opensent_does_not_collide(void)
{
    struct bench *b = crossed(); /* our dial reached a socket that nobody serves */
    bench_feed(b, THEIRS, OPEN("fde9", "005a", LOWER));
    bench_feed(b, THEIRS, KEEPALIVE);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), THEIRS);
    CU_ASSERT_FALSE(b->wire[OURS].open); /* and is given up once it is not needed */
    CU_ASSERT_TRUE(bench_sent(b, OURS, CEASE_COLLISION));
    bench_free(b);
}

static void test_a_second_connection_while_established_is_ceased_at_its_open(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    int slot = bench_accept(b);
    CU_ASSERT_EQUAL(slot, NEWER);
    CU_ASSERT_EQUAL(bench_count(b, NEWER, BGP_OPEN), 1);
    bench_flush(b);
    bench_feed(b, NEWER, PEER_OPEN);
    CU_ASSERT_TRUE(bench_sent(b, NEWER, CEASE_COLLISION));
    CU_ASSERT_FALSE(b->wire[NEWER].open);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), THEIRS);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_feed(b, THEIRS, EMPTY_UPDATE);
    CU_ASSERT_EQUAL(b->updates, 1);
    bench_free(b);
}

static void test_a_second_connection_that_is_wrong_leaves_the_first_alone(void)
{
    struct bench *b = bench_in(BGP_ESTABLISHED, NULL);
    bench_accept(b);
    bench_flush(b);
    bench_feed(b, NEWER, EMPTY_UPDATE);
    CU_ASSERT_TRUE(bench_sent(b, NEWER, HEADER("0016", "03") "05 01 02"));
    bench_accept(b);
    bench_closed(b, NEWER);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), THEIRS);
    CU_ASSERT_EQUAL(b->downs, 0);
    bench_free(b);
}

static void test_of_two_connections_of_the_peer_the_newer_goes_on_when_it_is_higher(void)
{
    static const struct {
        const char *open;
        int winner;
    } cases[] = { { OPEN("fde9", "005a", HIGHER), BGP_SLOT_NEWER },
                  { OPEN("fde9", "005a", LOWER), BGP_SLOT_THEIRS } };
    for (int i = 0; i < 2; i++) {
        struct bench *b = bench_in(BGP_OPENSENT, NULL);
        bench_feed(b, THEIRS, cases[i].open);
        bench_accept(b);
        bench_flush(b);
        bench_feed(b, NEWER, cases[i].open);
        int loser = cases[i].winner == NEWER ? THEIRS : NEWER;
        CU_ASSERT_TRUE(bench_sent(b, loser, CEASE_COLLISION));
        bench_feed(b, cases[i].winner, KEEPALIVE);
        CU_ASSERT_EQUAL(bgp_session_slot(b->s), cases[i].winner);
        bench_free(b);
    }
}

/* Graceful restart capability with IPv4 listed: 64, length 6, restart time 120. */
#define GRACEFUL_OPEN \
    OPEN_WITH_CAPABILITIES("0027", "0a 02 08", HIGHER, "40 06 'flags, time' 0078 'ipv4' 0001 01 80")

#define RESTARTED_OPEN \
    OPEN_WITH_CAPABILITIES("0027", "0a 02 08", HIGHER, "40 06 'R, time' 8078 'ipv4' 0001 01 80")

static void test_a_restarted_peer_replaces_its_old_session_with_its_open(void)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    bench_feed(b, THEIRS, GRACEFUL_OPEN KEEPALIVE);
    b->now += 5000;
    bench_accept(b);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), THEIRS); /* a bare connection ends nothing */
    bench_flush(b);
    bench_feed(b, NEWER, GRACEFUL_OPEN);
    CU_ASSERT_EQUAL(b->downs, 1);
    CU_ASSERT_STRING_EQUAL(b->down.reason, "peer restarted");
    CU_ASSERT_TRUE(bench_sent(b, THEIRS, "")); /* RFC 4724 section 5: closed without a word */
    CU_ASSERT_TRUE(bench_sent(b, NEWER, KEEPALIVE));
    bench_feed(b, NEWER, KEEPALIVE);
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), NEWER);
    bench_free(b);
}

/* Both dialled at once, and one connection was Established before the OPEN on the other came. */
static void test_who_dialled_when_we_did_has_not_restarted(void)
{
    struct bench *b = bench_in(BGP_OPENSENT, NULL);
    bench_feed(b, THEIRS, GRACEFUL_OPEN KEEPALIVE);
    bench_accept(b);
    bench_flush(b);
    bench_feed(b, NEWER, GRACEFUL_OPEN);
    CU_ASSERT_EQUAL(b->downs, 0);
    CU_ASSERT_TRUE(bench_sent(b, NEWER, CEASE_COLLISION));
    CU_ASSERT_EQUAL(bgp_session_slot(b->s), THEIRS);
    bench_free(b);
}

/* … but one that dials after that, or says so, has. */
static void test_a_restart_may_take_no_time(void)
{
    for (int says_so = 0; says_so < 2; says_so++) {
        struct bench *b = bench_in(BGP_OPENSENT, NULL);
        bench_feed(b, THEIRS, GRACEFUL_OPEN KEEPALIVE);
        b->now += !says_so;
        bench_accept(b);
        bench_flush(b);
        bench_feed(b, NEWER, says_so ? RESTARTED_OPEN : GRACEFUL_OPEN);
        CU_ASSERT_EQUAL(b->downs, 1);
        CU_ASSERT_TRUE(bench_sent(b, THEIRS, ""));
        bench_feed(b, NEWER, KEEPALIVE);
        CU_ASSERT_EQUAL(bgp_session_slot(b->s), NEWER);
        bench_free(b);
    }
}

CU_MAIN("session open", CU_CASE(test_another_version_is_told_ours), CU_CASE(test_a_wrong_as_is_refused),
        CU_CASE(test_as_0_is_refused), CU_CASE(test_our_own_as_is_refused_where_any_other_is_welcome),
        CU_CASE(test_identifier_0_is_refused), CU_CASE(test_an_external_peer_may_have_our_identifier),
        CU_CASE(test_hold_times_of_one_and_two_seconds_are_refused),
        CU_CASE(test_without_a_common_family_the_required_ones_are_named),
        CU_CASE(test_an_unknown_optional_parameter_is_refused),
        CU_CASE(test_who_knows_no_capabilities_is_met_again_without_them),
        CU_CASE(test_where_it_does_not_do_without_capabilities_they_come_back),
        CU_CASE(test_a_route_server_takes_clients_and_nobody_else),
        CU_CASE(test_the_lower_hold_time_counts),
        CU_CASE(test_what_we_say_can_be_seen),
        CU_CASE(test_what_the_peer_said_can_be_seen_while_established),
        CU_CASE(test_a_collision_is_won_by_the_higher_identifier_in_both_orders),
        CU_CASE(test_with_equal_identifiers_the_higher_as_wins),
        CU_CASE(test_a_connection_in_opensent_does_not_collide),
        CU_CASE(test_a_second_connection_while_established_is_ceased_at_its_open),
        CU_CASE(test_a_second_connection_that_is_wrong_leaves_the_first_alone),
        CU_CASE(test_of_two_connections_of_the_peer_the_newer_goes_on_when_it_is_higher),
        CU_CASE(test_a_restarted_peer_replaces_its_old_session_with_its_open),
        CU_CASE(test_who_dialled_when_we_did_has_not_restarted), CU_CASE(test_a_restart_may_take_no_time))
