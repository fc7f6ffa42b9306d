/* A stream of messages as the session takes it: scanned, one whole message at a time, and the small ones
 * decoded. The first octet chooses the longest message and what was agreed on. */
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/notification.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What is written of a fault is read again: its reason, and of its data as much as max has room for. */
static void check_word(const struct bgp_fault *f, size_t max)
{
    static uint8_t buf[BGP_MESSAGE_MAX_EXTENDED];
    struct bgp_message m;
    struct bgp_fault unused;
    size_t len = bgp_notification_write(buf, max, f), codes = f->is_hard ? 4 : 2, room = max - BGP_HEADER - codes;
    require(len <= max && bgp_message_scan(buf, len, max, &m, &unused) == (int)len);
    struct bgp_fault again = bgp_notification_read(&m);
    require(again.code == f->code && again.subcode == f->subcode && again.is_hard == f->is_hard);
    require(again.data_len == (f->data_len < room ? f->data_len : room));
    require(!again.data_len || memcmp(again.data, f->data, again.data_len) == 0);
}

/* Its data stand in the message at fault, which the sanitizer holds them to when they are copied. */
static void check_fault(const struct bgp_fault *f, size_t max)
{
    char text[64];
    require(f->action == BGP_ACTION_SESSION_RESET && f->code && !f->is_hard);
    require(bgp_fault_text(f->code, f->subcode, text, sizeof text)[0] != 0);
    check_word(f, max);
}

static void check_notification(const struct bgp_message *m, size_t max)
{
    char text[BGP_NOTIFICATION_TEXT + 1];
    struct bgp_fault f = bgp_notification_read(m);
    require(f.data >= m->body && f.data + f.data_len == m->body + m->body_len);
    require(strlen(bgp_notification_text(&f, text)) <= f.data_len);
    bool is_readable = f.code != BGP_CEASE || f.subcode != BGP_HARD_RESET; /* else it held no reason */
    if (f.code && is_readable)
        check_word(&f, max);
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
            check_fault(&fault, max);
        if (n <= 0)
            break;
        require((size_t)n <= size && (size_t)n <= max && m.body == data + BGP_HEADER);
        require(m.body_len + BGP_HEADER == n);
        if (m.type == BGP_ROUTE_REFRESH && bgp_refresh_decode(&m, &codec, &refresh, &fault) < 0)
            check_fault(&fault, max);
        if (m.type == BGP_NOTIFICATION)
            check_notification(&m, max);
        data += n;
        size -= (size_t)n;
    }
    return 0;
}
