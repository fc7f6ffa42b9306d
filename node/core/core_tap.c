/* What is on the wire of a session, for those who watch it. Monitoring stations: both OPENs and the last word, kept
 * as they were sent and received (RFC 7854 sections 4.9 and 4.10). MRT: a record of each message that came. */
#include "bgp/codec/notification.h"
#include "bgp/monitor/bmp.h"
#include "bgp/monitor/mrt_update.h"
#include "node/core/core_impl.h"

enum {
    TCP_CONNECTION_CONFIRMED = 17, /* RFC 4271 section 8.1.4 */
    SEND_HOLD_TIMER_EXPIRES = 29,  /* RFC 9687 */
    RECORDS_MAX = 512 * 1024,      /* of one turn: far more than it may read */
};

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

/* ---- MRT ---- */

/* A record that has no room has the length 0. */
static void recorded(struct core *c, size_t len)
{
    c->records.len += len;
    c->records_lost += !len;
}

static bool is_established(const struct core_conn *conn)
{
    return conn->was_up && bgp_session_slot(conn->peer->session) == conn->slot;
}

static struct mrt_session session_of(const struct core *c, const struct core_peer *p, const struct ip_addr *local)
{
    bool is_up = bgp_session_slot(p->session) >= 0;
    return (struct mrt_session){
        .peer_asn = is_up ? bgp_session_peer_open(p->session)->asn : p->cfg->peer_asn,
        .local_asn = c->nvas[p->nva].local_asn,
        .peer = p->cfg->peer_ip,
        .local = *local,
    };
}

static void record_message(struct core *c, const struct core_conn *conn, const uint8_t *data, size_t len)
{
    const struct bgp_codec *codec = is_established(conn) ? bgp_session_codec(conn->peer->session) : NULL;
    struct mrt_session session = session_of(c, conn->peer, &conn->local);
    recorded(c, mrt_message(c->records.bytes + c->records.len, RECORDS_MAX - c->records.len, &session, codec,
                            c->wall_ms + c->now_ms, data, len));
}

void core_tap_state(struct core *c, const struct core_peer *p, const struct bgp_session_event *e)
{
    const struct ip_addr *local = core_node_addr(c->node, p->cfg->peer_ip.family), none = { 0 };
    if (!c->records.bytes)
        return;
    struct mrt_session session = session_of(c, p, local ? local : &none);
    recorded(c, mrt_state_change(c->records.bytes + c->records.len, RECORDS_MAX - c->records.len, &session,
                                 c->wall_ms + c->now_ms, (uint16_t)(e->from + 1), (uint16_t)(e->to + 1)));
}

bool core_take_records(struct core *c, const uint8_t **records, size_t *len, uint64_t *lost)
{
    *records = c->records.bytes;
    *len = c->records.len;
    *lost = c->records_lost;
    c->records.len = 0;
    return *len;
}

void core_tap_init(struct core *c)
{
    if (c->config->mrt_directory && c->config->mrt_updates_ms)
        c->records.bytes = memory_new(RECORDS_MAX, 1);
}

void core_tap_fini(struct core *c)
{
    drop(&c->records);
}

/* ---- stations ---- */

static void keep_heard(struct core_conn *conn, const uint8_t *data, size_t n)
{
    if (data[18] == BGP_OPEN && !conn->heard_open.bytes)
        keep(&conn->heard_open, data, n);
    if (data[18] == BGP_NOTIFICATION && conn->was_up)
        keep(&conn->peer->last_word, data, n);
}

void core_tap_heard(struct core *c, struct core_conn *conn, const uint8_t *data, size_t len)
{
    size_t n = c->stations || c->records.bytes ? whole_message(data, len) : 0;
    if (n && c->stations)
        keep_heard(conn, data, n);
    if (n && c->records.bytes)
        record_message(c, conn, data, n);
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
    uint8_t buf[BGP_MESSAGE_MAX];
    keep(&p->last_word, buf, bgp_notification_write(buf, sizeof buf, f));
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
    } else if (e->fault.code == BGP_SEND_HOLD_TIMER_EXPIRED) { /* it is said to nobody: RFC 9687 section 4.3 */
        p->down = BMP_LOCAL_CLOSED;
        keep_event(p, SEND_HOLD_TIMER_EXPIRES);
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
