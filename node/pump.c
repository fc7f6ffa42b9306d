#include "node/pump.h"

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
    *len = PUMP_RX - p->rx_len;
    return p->rx + p->rx_len;
}

void pump_rx_consume(struct pump *p, size_t len)
{
    assert(len <= p->rx_len);
    p->rx_len -= len;
    if (p->rx_len && len)
        memmove(p->rx, p->rx + len, p->rx_len);
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
