/* What is on the wire of a session, for those who watch it: both OPENs and the last word. They are kept as
 * they were sent and received (RFC 7854 sections 4.9 and 4.10). Without stations nothing is. */
#include "bgp/bmp.h"
#include "node/core_impl.h"

enum { TCP_CONNECTION_CONFIRMED = 17 }; /* RFC 4271 section 8.1.4 */

static void keep(struct core_message *m, const uint8_t *bytes, size_t len)
{
    free(m->bytes);
    m->bytes = memory_new(len, 1);
    memcpy(m->bytes, bytes, len);
    m->len = len;
}

static void drop(struct core_message *m)
{
    free(m->bytes);
    *m = (struct core_message){ 0 };
}

/* Length of the whole message at the start of data, 0 = there is none. */
static size_t whole_message(const uint8_t *data, size_t len)
{
    size_t n = len >= BGP_HEADER ? wire_get16(data + 16) : 0;
    return n >= BGP_HEADER && n <= len ? n : 0;
}

void core_tap_heard(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len)
{
    size_t n = c->stations ? whole_message(data, len) : 0;
    if (!n)
        return;
    if (data[18] == BGP_OPEN && !conn->heard_open.bytes)
        keep(&conn->heard_open, data, n);
    if (data[18] == BGP_NOTIFICATION && conn->was_up)
        keep(&conn->peer->last_word, data, n);
}

void core_tap_sent(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len)
{
    for (size_t n; c->stations && (n = whole_message(data, len)); data += n, len -= n) {
        if (data[18] == BGP_OPEN && !conn->sent_open.bytes)
            keep(&conn->sent_open, data, n);
        if (data[18] == BGP_NOTIFICATION && conn->was_up)
            keep(&conn->peer->last_word, data, n);
    }
}

/* Our NOTIFICATION is on its way when the end is told: this one stands for it should it never go out. */
static void keep_fault(struct core_peer *p, const struct bgp_fault *f)
{
    uint8_t buf[BGP_HEADER + 2 + BGP_FAULT_DATA_MAX];
    keep(&p->last_word, buf, bgp_notification_write(buf, f));
}

static void keep_event(struct core_peer *p, uint16_t event)
{
    uint8_t buf[2];
    wire_set16(buf, event);
    keep(&p->last_word, buf, sizeof buf);
}

void core_tap_down(struct core *c, struct core_peer *p, const struct bgp_session_event *e)
{
    if (!c->stations)
        return;
    if (e->by_peer) {
        p->down = BMP_REMOTE_NOTIFICATION;
    } else if (e->fault.code) {
        p->down = BMP_LOCAL_NOTIFICATION;
        keep_fault(p, &e->fault);
    } else if (p->conns[e->slot]) { /* it dialled anew, so that we drop the old connection */
        p->down = BMP_LOCAL_CLOSED;
        keep_event(p, TCP_CONNECTION_CONFIRMED);
    } else {
        p->down = BMP_REMOTE_CLOSED;
        drop(&p->last_word);
    }
}

void core_tap_conn_fini(struct core_conn *conn)
{
    drop(&conn->sent_open);
    drop(&conn->heard_open);
}
