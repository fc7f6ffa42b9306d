/* A set of three BFD sessions against whatever comes: the input is a script of steps.
 *
 *   octet 0  what: 0 time passes, 1 a datagram, 2 disable, 3 enable, 4 other times, 5 a pause
 *   octet 1  how much: milliseconds times 8, or the session and the path of a datagram
 *   a datagram's length in octet 2, then its bytes; a Your Discriminator of 1 to 3 stands for that of
 *   the session, so that the input need not guess it.
 *
 * What must hold whatever comes is checked after every step. */
#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "bgp/bfd/bfd_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SESSIONS = 3, STEPS_MAX = 400 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const struct ip_addr local = { .family = BGP_IP4, .bytes = { 10, 0, 0, 1 } };

static struct ip_addr remote_of(uint8_t nth)
{
    return (struct ip_addr){ .family = BGP_IP4, .bytes = { 10, 0, 0, nth } };
}

/* Every packet is one that we would accept ourselves, and is as slow as the state demands. */
static void take_out(struct bfd_peer *p)
{
    uint8_t buf[BFD_PACKET];
    struct bfd_session_event e;
    struct bfd_packet packet;
    struct bfd_view v;
    while (bfd_session_next(p->session, &e))
        require(e.from != e.to);
    int sent = 0;
    while (bfd_session_pull(p->session, buf, sizeof buf)) {
        require(++sent <= 2); /* a Final and one more */
        bool is_known = bfd_packet_decode(buf, sizeof buf, &packet) == BFD_ACCEPTED;
        bfd_session_view(p->session, &v);
        /* In Up and Init we know the peer's discriminator; elsewhere 0 is allowed. */
        require(is_known && !(packet.poll && packet.final) && packet.state == v.state);
        require(packet.state == BFD_UP || packet.desired_tx_us >= 1000000);
    }
}

static void datagram(struct bfd_set *set, const uint8_t *data, size_t len, uint8_t how, uint64_t now)
{
    uint8_t bytes[64];
    struct bfd_peer *got = NULL;
    struct bfd_view v;
    const struct bfd_arrival arrival = { .local = local,
                                         .remote = remote_of(how & 3),
                                         .ttl = how & 4 ? 64 : 255,
                                         .is_multihop = how & 8 };
    len = len < sizeof bytes ? len : sizeof bytes;
    if (len)
        memcpy(bytes, data, len);
    if (len >= 12 && bfd_set_get(set, wire_get32(bytes + 8))) {
        bfd_session_view(bfd_set_get(set, wire_get32(bytes + 8))->session, &v);
        wire_set32(bytes + 8, v.discriminator);
    }
    enum bfd_verdict verdict = bfd_set_receive(set, &arrival, bytes, len, &got, now);
    require((verdict == BFD_ACCEPTED) == (got != NULL));
    require(!got || ip_addr_is_equal(&got->cfg.remote, &arrival.remote));
    require(!got || arrival.is_multihop || arrival.ttl == 255);
}

static void act(struct bfd_peer *p, uint8_t what, uint8_t much, uint64_t now)
{
    if (what == 2)
        bfd_session_disable(p->session, now);
    if (what == 4)
        bfd_session_change(p->session,
                           &(struct bfd_times){ 50000u + much * 20000u, much * 10000u, much | 1 }, now);
    if (what == 5)
        bfd_session_rearm(p->session, now);
}

static void settle(struct bfd_set *set, uint64_t now)
{
    for (struct bfd_peer *p = bfd_set_next(set, 0); p; p = bfd_set_next(set, p->cfg.id)) {
        take_out(p);
        bfd_session_tick(p->session, now);
        take_out(p);
        require(bfd_session_deadline(p->session) > now); /* a loop that follows the deadline does not spin */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hash_key key = { 1, 2 };
    struct wire_reader r = wire_reader(data, size);
    struct bfd_set set;
    uint64_t now = 1000;
    bfd_set_init(&set, &key);
    for (uint8_t i = 1; i <= SESSIONS; i++)
        require(bfd_set_open(&set,
                             &(struct bfd_peer_cfg){ .id = i,
                                                     .local = local,
                                                     .remote = remote_of(i),
                                                     .hops = (uint8_t)(i - 1),
                                                     .times = { 50000, 300000, i } },
                             now));
    for (int i = 0; i < STEPS_MAX && wire_left(&r) >= 2; i++) {
        uint8_t what = wire_u8(&r) % 6, much = wire_u8(&r);
        if (what == 0 || what == 5)
            now += what == 0 ? much * 8u : much * 1000u;
        if (what == 1) {
            size_t len = wire_u8(&r), left = wire_left(&r);
            len = len < left ? len : left;
            datagram(&set, wire_bytes(&r, len), len, much, now);
        } else if (what) {
            act(bfd_set_get(&set, 1 + much % SESSIONS), what, much, now);
        }
        settle(&set, now);
    }
    bfd_set_fini(&set);
    return 0;
}
