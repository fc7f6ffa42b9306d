/* The NOTIFICATION, and what stands in its data: the words of an operator (RFC 9003), and the real reason
 * inside a Hard Reset (RFC 8538).
 *
 * A fault names the real reason in both directions; that it was said as a Hard Reset is a mark on it
 * (is_hard). With Graceful Restart for NOTIFICATIONs (the N bit of both sides) any other one leaves
 * the routes of both sides where they are until the session is back. */
#ifndef TANDEM_BGP_NOTIFICATION_H
#define TANDEM_BGP_NOTIFICATION_H

#include "bgp/codec/msg.h"

enum {
    BGP_NOTIFICATION_TEXT = 255, /* octets, RFC 9003 section 2 */
    BGP_NOTIFICATION_WORDS = 1 + BGP_NOTIFICATION_TEXT, /* the same behind their length */
};

/* A fault as a NOTIFICATION: one that is_hard becomes Cease/Hard Reset around its code, subcode and data.
 * cap      room at buf, and not more than the peer takes (bgp_codec.max_message): data that do not fit are cut
 * returns  bytes of the message; 0: not even the codes fit */
size_t bgp_notification_write(uint8_t *buf, size_t cap, const struct bgp_fault *fault);

/* The way back, of a message that was scanned; the data stay in it. A Hard Reset that holds no reason stays what
 * it is, and is_hard. */
struct bgp_fault bgp_notification_read(const struct bgp_message *m);

/* Does this reason end the session for long, so that the peer's copies of our routes must not be held?
 * The suggestions of RFC 8538 section 5.1; an Administrative Reset and BFD Down are the caller's choice. */
bool bgp_notification_is_final(const struct bgp_fault *f);

/* Words as the data of a Cease that has room for them: Administrative Shutdown and Reset (RFC 9003
 * section 2); of any other fault nothing changes. Longer ones are cut, never within a character.
 * words  where the data then stand */
void bgp_notification_say(struct bgp_fault *f, const char *text, uint8_t words[static BGP_NOTIFICATION_WORDS]);

enum { BGP_MAX_PREFIXES_DATA = 7 };
/* Too many prefixes: of this family, of which (or of all of them) there may be so many. RFC 4486 section 4.
 * data  where its data then stand */
struct bgp_fault bgp_notification_max_prefixes(enum bgp_family family, uint32_t most,
                                               uint8_t data[static BGP_MAX_PREFIXES_DATA]);

/* The words of a fault that was received or said: "" when it has none. They are the peer's choice:
 * control characters become spaces, anything else is left to who shows them. Returns buf. */
const char *bgp_notification_text(const struct bgp_fault *f,
                                  char buf[static BGP_NOTIFICATION_TEXT + 1]);

#endif
