/* What a NOTIFICATION says, for a line of text that people and programs read. */
#ifndef TANDEM_NODE_PEER_WORDS_H
#define TANDEM_NODE_PEER_WORDS_H

#include "bgp/codec/types.h"

enum { PEER_WORDS_MAX = 384 };

/* The words of a NOTIFICATION (bgp_notification_text), fit to be shown. They are the peer's choice: what is no
 * UTF-8, controls a terminal, or would end a quoted value is replaced. Returns buf. */
const char *peer_words_said(const char *text, char buf[static PEER_WORDS_MAX]);

/* "cease/administrative shutdown: back at ten (hard reset, received)". Returns buf. */
const char *peer_words(const struct bgp_fault *f, bool by_peer, char buf[static PEER_WORDS_MAX]);

#endif
