#include "node/base/peer_words.h"

#include <stdio.h>
#include <string.h>

#include "bgp/codec/notification.h"
#include "node/base/utf8.h"

/* Each character is replaced by one that is not longer, so that the text never grows. */
static size_t put(char *to, const char *from, size_t len, uint32_t c)
{
    if (len == 0)
        *to = '?';
    else if (utf8_is_control(c))
        *to = ' ';
    else if (c == '"' || c == '\\')
        *to = '\'';
    else
        memcpy(to, from, len);
    return len && *to == *from ? len : 1;
}

const char *peer_words_said(const char *text, char buf[static PEER_WORDS_MAX])
{
    const char *at = text, *end = at + strnlen(at, BGP_NOTIFICATION_TEXT);
    char *to = buf;
    while (at < end) {
        uint32_t c = 0;
        size_t len = utf8_next(at, end, &c);
        to += put(to, at, len, c);
        at += len ? len : 1;
    }
    *to = 0;
    return buf;
}

/* A peer that reads nothing cannot be told: RFC 9687 section 4.3. */
static const char *way_of(const struct bgp_fault *f, bool by_peer)
{
    if (by_peer)
        return "received";
    return f->code == BGP_SEND_HOLD_TIMER_EXPIRED ? "not sent" : "sent";
}

const char *peer_words(const struct bgp_fault *f, bool by_peer, char buf[static PEER_WORDS_MAX])
{
    char reason[64], text[BGP_NOTIFICATION_TEXT + 1], said[PEER_WORDS_MAX];
    peer_words_said(bgp_notification_text(f, text), said);
    bgp_fault_text(f->code, f->subcode, reason, sizeof reason);
    snprintf(buf, PEER_WORDS_MAX, "%s%s%.*s (%s%s)", reason, said[0] ? ": " : "",
             (int)BGP_NOTIFICATION_TEXT, said, f->is_hard ? "hard reset, " : "",
             way_of(f, by_peer));
    return buf;
}
