#include "bgp/codec/notification.h"

#include <string.h>

#include "bgp/base/wire.h"

static bool is_cease(const struct bgp_fault *f, uint8_t subcode)
{
    return f->code == BGP_CEASE && f->subcode == subcode;
}

/* ---- the message ---- */

enum { CODES = 2 }; /* code and subcode in front of the data, also within a Hard Reset: RFC 8538 section 3.1 */

size_t bgp_notification_write(uint8_t *buf, size_t cap, const struct bgp_fault *fault)
{
    struct wire_writer w = wire_writer(buf, cap);
    wire_reserve(&w, BGP_HEADER);
    if (fault->is_hard) {
        wire_put8(&w, BGP_CEASE);
        wire_put8(&w, BGP_HARD_RESET);
    }
    wire_put8(&w, fault->code);
    wire_put8(&w, fault->subcode);
    wire_put(&w, fault->data, fault->data_len < wire_room(&w) ? fault->data_len : wire_room(&w));
    return w.failed ? 0 : bgp_message_finish(buf, BGP_NOTIFICATION, wire_len(&w) - BGP_HEADER);
}

struct bgp_fault bgp_notification_read(const struct bgp_message *m)
{
    const uint8_t *at = m->body;
    size_t len = m->body_len;
    bool is_hard = at[0] == BGP_CEASE && at[1] == BGP_HARD_RESET;
    if (is_hard && len >= CODES + CODES && at[CODES]) {
        at += CODES;
        len -= CODES;
    }
    return (struct bgp_fault){ .code = at[0],
                               .subcode = at[1],
                               .is_hard = is_hard,
                               .data_len = (uint16_t)(len - CODES),
                               .data = at + CODES };
}

/* ---- reasons ---- */

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

void bgp_notification_say(struct bgp_fault *f, const char *text, uint8_t words[static BGP_NOTIFICATION_WORDS])
{
    if (!has_words(f))
        return;
    size_t len = fitting(text);
    words[0] = (uint8_t)len;
    memcpy(words + 1, text, len);
    f->data = words;
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

struct bgp_fault bgp_notification_max_prefixes(enum bgp_family family, uint32_t most,
                                               uint8_t data[static BGP_MAX_PREFIXES_DATA])
{
    wire_set16(data, bgp_family_afi(family));
    data[2] = BGP_SAFI_UNICAST;
    wire_set32(data + 3, most);
    return (struct bgp_fault){ .action = BGP_ACTION_SESSION_RESET,
                               .code = BGP_CEASE,
                               .subcode = BGP_MAX_PREFIXES,
                               .data_len = BGP_MAX_PREFIXES_DATA,
                               .data = data };
}
