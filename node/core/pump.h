/* One connection's bytes between a socket and a machine, without either: two buffers.
 *
 * The owner of the socket puts what it read at pump_rx_space and says how much (pump_rx_added), and
 * sends what pump_tx_bytes gives (pump_tx_sent). The core drains the one and fills the other. When
 * the receive buffer is full there is no space, so the owner stops reading: back-pressure. */
#ifndef TANDEM_NODE_PUMP_H
#define TANDEM_NODE_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bgp/base/list.h"

enum { PUMP_RX = 128 * 1024, PUMP_TX = 256 * 1024 }; /* both above the longest message */

struct pump {
    uint8_t *rx, *tx;
    size_t rx_at, rx_len; /* unconsumed bytes stand at rx[rx_at .. rx_at + rx_len) */
    size_t tx_at, tx_len; /* unsent bytes stand at tx[tx_at .. tx_len) */
    bool closing;         /* send what is left, then close */
    uint16_t local_port, remote_port; /* of an open socket, set by its owner */
    bool asks_peer;       /* the core: does the other end acknowledge what was sent? The owner looks with the next flush */
    bool is_unanswered;   /* … and this is what it found: some of it was not, for as long as it takes */
    void *owner;          /* of the socket's side; the core never looks at it */
    struct list ready;    /* on the core's list of pumps with bytes received */
};

bool pump_init(struct pump *p);
void pump_fini(struct pump *p);

/* Where received bytes go; *len = 0: stop reading until the next turn. */
uint8_t *pump_rx_space(struct pump *p, size_t *len);
/* What was received and not consumed yet. */
const uint8_t *pump_rx_bytes(const struct pump *p, size_t *len);
void pump_rx_consume(struct pump *p, size_t len);

/* What is to be sent. */
const uint8_t *pump_tx_bytes(const struct pump *p, size_t *len);
void pump_tx_sent(struct pump *p, size_t len);
/* Where the core puts what is to be sent. */
uint8_t *pump_tx_space(struct pump *p, size_t *len);

#endif
