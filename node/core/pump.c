#include "node/core/pump.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool pump_init(struct pump *p)
{
    *p = (struct pump){ .rx = malloc(PUMP_RX), .tx = malloc(PUMP_TX) };
    list_init(&p->ready);
    if (p->rx && p->tx)
        return true;
    pump_fini(p);
    return false;
}

void pump_fini(struct pump *p)
{
    list_remove(&p->ready);
    free(p->rx);
    free(p->tx);
    p->rx = p->tx = NULL;
}

uint8_t *pump_rx_space(struct pump *p, size_t *len)
{
    size_t end = p->rx_at + p->rx_len;
    *len = PUMP_RX - end;
    return p->rx + end;
}

const uint8_t *pump_rx_bytes(const struct pump *p, size_t *len)
{
    *len = p->rx_len;
    return p->rx + p->rx_at;
}

/* What is left moves to the front once it is less than what went: so a byte is moved once at most on average, and
 * there is always room for half a buffer, which the longest message fits. */
void pump_rx_consume(struct pump *p, size_t len)
{
    assert(len <= p->rx_len);
    p->rx_at += len;
    p->rx_len -= len;
    if (p->rx_len > p->rx_at)
        return;
    memcpy(p->rx, p->rx + p->rx_at, p->rx_len);
    p->rx_at = 0;
}

const uint8_t *pump_tx_bytes(const struct pump *p, size_t *len)
{
    *len = p->tx_len - p->tx_at;
    return p->tx + p->tx_at;
}

void pump_tx_sent(struct pump *p, size_t len)
{
    assert(len <= p->tx_len - p->tx_at);
    p->tx_at += len;
    if (p->tx_at == p->tx_len)
        p->tx_at = p->tx_len = 0;
}

uint8_t *pump_tx_space(struct pump *p, size_t *len)
{
    if (p->tx_at && p->tx_len - p->tx_at < PUMP_TX / 4) { /* little is left: moving it is cheap */
        memmove(p->tx, p->tx + p->tx_at, p->tx_len - p->tx_at);
        p->tx_len -= p->tx_at;
        p->tx_at = 0;
    }
    *len = PUMP_TX - p->tx_len;
    return p->tx + p->tx_len;
}
