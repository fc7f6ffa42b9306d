/* The body of an OPEN. What is accepted is written again and must be read as the same. */
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/open.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_again(const struct bgp_open *o)
{
    uint8_t buf[BGP_MESSAGE_MAX];
    struct bgp_message m;
    struct bgp_open again;
    struct bgp_fault fault;
    size_t len = bgp_open_write(o, buf, sizeof buf);
    require(bgp_message_scan(buf, len, sizeof buf, &m, &fault) == (int)len);
    require(bgp_open_decode(m.body, m.body_len, &again, &fault) == 0);
    require(again.hold_s == o->hold_s && again.identifier == o->identifier && again.as4 == o->as4);
    require(again.family[0] == o->family[0] && again.family[1] == o->family[1]);
    require(again.gr_family == o->gr_family || !o->graceful_restart);
    require(again.restart_s == o->restart_s || !o->graceful_restart);
    require(!o->as4 || again.asn == o->asn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bgp_open o;
    struct bgp_fault fault = { 0 };
    struct bgp_codec codec;
    if (bgp_open_decode(data, size, &o, &fault)) {
        require(fault.code == BGP_OPEN_ERROR && fault.action == BGP_ACTION_SESSION_RESET);
        return 0;
    }
    require(o.asn != 0 && o.identifier != 0 && o.hold_s != 1 && o.hold_s != 2);
    require(o.role >= -1 && o.role <= 255 && o.add_path[0] <= 3 && o.add_path[1] <= 3);
    bgp_open_negotiate(&o, &o, &codec);
    if (o.role <= 4)
        check_again(&o);
    return 0;
}
