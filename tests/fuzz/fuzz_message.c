/* A stream of messages as the session takes it: scanned, one whole message at a time, and the small ones
 * decoded. The first octet chooses the longest message and what was agreed on. */
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_fault(const struct bgp_fault *f)
{
    uint8_t buf[BGP_HEADER + 2 + BGP_FAULT_DATA_MAX];
    char text[64];
    require(f->action == BGP_ACTION_SESSION_RESET && f->code && f->data_len <= BGP_FAULT_DATA_MAX);
    require(bgp_fault_text(f->code, f->subcode, text, sizeof text)[0] != 0);
    struct bgp_message m;
    struct bgp_fault unused;
    size_t len = bgp_notification_write(buf, f);
    require(bgp_message_scan(buf, len, BGP_MESSAGE_MAX, &m, &unused) == (int)len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    const struct bgp_codec codec = { .family = { true, data[0] & 2 }, .enhanced_refresh = data[0] & 4 };
    size_t max = data[0] & 1 ? BGP_MESSAGE_MAX_EXTENDED : BGP_MESSAGE_MAX;
    for (data++, size--; size;) {
        struct bgp_message m;
        struct bgp_refresh refresh;
        struct bgp_fault fault;
        int n = bgp_message_scan(data, size, max, &m, &fault);
        if (n < 0)
            check_fault(&fault);
        if (n <= 0)
            break;
        require((size_t)n <= size && (size_t)n <= max && m.body == data + BGP_HEADER);
        require(m.body_len + BGP_HEADER == n);
        if (m.type == BGP_ROUTE_REFRESH && bgp_refresh_decode(&m, &codec, &refresh, &fault) < 0)
            check_fault(&fault);
        data += n;
        size -= (size_t)n;
    }
    return 0;
}
