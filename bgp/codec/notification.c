#include "bgp/codec/notification.h"

#include <string.h>

#include "bgp/base/wire.h"

static bool is_cease(const struct bgp_fault *f, uint8_t subcode)
{
    return f->code == BGP_CEASE && f->subcode == subcode;
}

/* RFC 8538 section 5.1. BFD Down came later (RFC 9384), and is what the user made of it: see node/core/core_bfd.c. */
bool bgp_notification_is_final(const struct bgp_fault *f)
{
    static const bool is_final[] = { [BGP_MAX_PREFIXES] = true,      [BGP_ADMIN_SHUTDOWN] = true,
                                     [BGP_PEER_DECONFIGURED] = true, [BGP_HARD_RESET] = true };
    return f->code == BGP_CEASE && f->subcode < sizeof is_final && is_final[f->subcode];
}

/* ---- words ---- */

static bool has_words(const struct bgp_fault *f)
{
    return is_cease(f, BGP_ADMIN_SHUTDOWN) || is_cease(f, BGP_ADMIN_RESET);
}

/* Octets of the whole characters of UTF-8 that fit. */
static size_t fitting(const char *text)
{
    size_t len = strnlen(text, BGP_NOTIFICATION_TEXT + 1);
    if (len <= BGP_NOTIFICATION_TEXT)
        return len;
    len = BGP_NOTIFICATION_TEXT;
    while (len && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void bgp_notification_say(struct bgp_fault *f, const char *text)
{
    if (!has_words(f))
        return;
    size_t len = fitting(text);
    f->data[0] = (uint8_t)len;
    memcpy(f->data + 1, text, len);
    f->data_len = (uint16_t)(len + 1);
}

const char *bgp_notification_text(const struct bgp_fault *f,
                                  char buf[static BGP_NOTIFICATION_TEXT + 1])
{
    size_t len = has_words(f) && f->data_len ? f->data[0] : 0;
    if (len >= f->data_len) /* it says more than it brought */
        len = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = f->data[1 + i];
        buf[i] = (char)(c < ' ' || c == 0x7f ? ' ' : c);
    }
    buf[len] = 0;
    return buf;
}

/* ---- upper bound ---- */

struct bgp_fault bgp_notification_max_prefixes(enum bgp_family family, uint32_t most)
{
    struct bgp_fault f = { .action = BGP_ACTION_SESSION_RESET, .code = BGP_CEASE, .subcode = BGP_MAX_PREFIXES };
    struct wire_writer w = wire_writer(f.data, sizeof f.data);
    wire_put16(&w, bgp_family_afi(family));
    wire_put8(&w, BGP_SAFI_UNICAST);
    wire_put32(&w, most);
    f.data_len = (uint16_t)wire_len(&w);
    return f;
}

/* ---- Hard Reset ---- */

enum { INNER = 2 }; /* code and subcode in front of the data, RFC 8538 section 3.1 */

void bgp_notification_wrap(struct bgp_fault *f)
{
    if (!f->is_hard)
        return;
    size_t len = f->data_len < BGP_FAULT_DATA_MAX - INNER ? f->data_len : BGP_FAULT_DATA_MAX - INNER;
    memmove(f->data + INNER, f->data, len);
    f->data[0] = f->code;
    f->data[1] = f->subcode;
    f->data_len = (uint16_t)(len + INNER);
    f->code = BGP_CEASE;
    f->subcode = BGP_HARD_RESET;
}

void bgp_notification_unwrap(struct bgp_fault *f)
{
    f->is_hard = is_cease(f, BGP_HARD_RESET);
    if (!f->is_hard || f->data_len < INNER || !f->data[0])
        return;
    f->code = f->data[0];
    f->subcode = f->data[1];
    f->data_len = (uint16_t)(f->data_len - INNER);
    memmove(f->data, f->data + INNER, f->data_len);
}
