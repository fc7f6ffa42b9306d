#include "bgp/bfd/bfd_packet.h"

#include "bgp/base/wire.h"

enum {
    VERSION = 1,
    AUTHENTICATED_MIN = 26, /* with type and length of the authentication section */
    FLAG_POLL = 0x20,
    FLAG_FINAL = 0x10,
    FLAG_AUTHENTICATED = 0x04,
    FLAG_DEMAND = 0x02,
    FLAG_MULTIPOINT = 0x01,
};

enum bfd_verdict bfd_packet_decode(const uint8_t *data, size_t len, struct bfd_packet *out)
{
    struct wire_reader r = wire_reader(data, len);
    uint8_t first = wire_u8(&r), flags = wire_u8(&r), mult = wire_u8(&r), length = wire_u8(&r);
    struct bfd_packet p = { .state = flags >> 6,
                            .diag = first & 0x1f,
                            .detect_mult = mult,
                            .poll = flags & FLAG_POLL,
                            .final = flags & FLAG_FINAL,
                            .demand = flags & FLAG_DEMAND };
    p.my_discriminator = wire_u32(&r);
    p.your_discriminator = wire_u32(&r);
    p.desired_tx_us = wire_u32(&r);
    p.required_rx_us = wire_u32(&r);
    wire_u32(&r); /* Required Min Echo RX Interval: we send no echo */
    if (r.failed)
        return BFD_DROP_SHORT;
    if (first >> 5 != VERSION)
        return BFD_DROP_VERSION;
    if (length < (flags & FLAG_AUTHENTICATED ? AUTHENTICATED_MIN : BFD_PACKET))
        return BFD_DROP_LENGTH;
    if (length > len)
        return BFD_DROP_SHORT;
    if (!mult)
        return BFD_DROP_MULTIPLIER;
    if (flags & FLAG_MULTIPOINT)
        return BFD_DROP_MULTIPOINT;
    if (!p.my_discriminator)
        return BFD_DROP_MY_DISCRIMINATOR;
    if (!p.your_discriminator && p.state != BFD_DOWN && p.state != BFD_ADMIN_DOWN)
        return BFD_DROP_YOUR_DISCRIMINATOR;
    if (flags & FLAG_AUTHENTICATED)
        return BFD_DROP_AUTHENTICATED;
    *out = p;
    return BFD_ACCEPTED;
}

void bfd_packet_encode(const struct bfd_packet *p, uint8_t out[static BFD_PACKET])
{
    struct wire_writer w = wire_writer(out, BFD_PACKET);
    wire_put8(&w, (uint8_t)(VERSION << 5 | p->diag));
    wire_put8(&w, (uint8_t)(p->state << 6 | (p->poll ? FLAG_POLL : 0) | (p->final ? FLAG_FINAL : 0) |
                            (p->demand ? FLAG_DEMAND : 0)));
    wire_put8(&w, p->detect_mult);
    wire_put8(&w, BFD_PACKET);
    wire_put32(&w, p->my_discriminator);
    wire_put32(&w, p->your_discriminator);
    wire_put32(&w, p->desired_tx_us);
    wire_put32(&w, p->required_rx_us);
    wire_put32(&w, 0); /* no echo, please: RFC 5880 section 6.8.1 */
}

const char *bfd_state_name(uint8_t state)
{
    static const char *const names[BFD_STATES] = {
        [BFD_ADMIN_DOWN] = "AdminDown", [BFD_DOWN] = "Down", [BFD_INIT] = "Init", [BFD_UP] = "Up"
    };
    return state < BFD_STATES ? names[state] : "unknown";
}

const char *bfd_diag_name(uint8_t diag)
{
    static const char *const names[BFD_DIAGS] = {
        [BFD_DIAG_NONE] = "no diagnostic",
        [BFD_DIAG_EXPIRED] = "control detection time expired",
        [BFD_DIAG_ECHO_FAILED] = "echo function failed",
        [BFD_DIAG_NEIGHBOR_DOWN] = "neighbor signaled session down",
        [BFD_DIAG_PLANE_RESET] = "forwarding plane reset",
        [BFD_DIAG_PATH_DOWN] = "path down",
        [BFD_DIAG_CONCATENATED_DOWN] = "concatenated path down",
        [BFD_DIAG_ADMIN_DOWN] = "administratively down",
        [BFD_DIAG_REVERSE_DOWN] = "reverse concatenated path down",
    };
    return diag < BFD_DIAGS ? names[diag] : "unknown";
}
