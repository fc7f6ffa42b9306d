/* Happy path of the initiator: preface + message 1 -> message 2, header, CONFIRM -> header, CONFIRM -> UP.
 * Of the responder: preface checked by one hash -> message 1 -> message 2, header, CONFIRM -> header,
 * CONFIRM -> UP. (header: of the secretstream; CONFIRM: its first frame, bound to the handshake.)
 * Ways to fail: each has a failure and a sentence of its own; the link then only waits to be closed. */
#include "replication/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/base/wire.h"
#include "replication/noise.h"
#include "replication/seal.h"

enum {
    PREFACE = 52,
    PREFACE_MAC = PREFACE + NOISE_TAG,
    HELLO_MAX = 256,
    OUT_MAX = 256 * 1024 + 4096,
    FRAME_MAX = REPL_PAYLOAD_MAX + SEAL_OVERHEAD,
    HANDSHAKE_MS = 5000,
    EVENTS_MAX = 4,
    MAJOR = 1,
    SUITE = 1,
};

static const uint8_t magic[4] = { 'T', 'N', 'D', 'M' };
static const char confirm[] = "tandem confirm";

enum link_state {
    LINK_WANTS_PREFACE,  /* responder */
    LINK_WANTS_FIRST,    /* responder: message 1 */
    LINK_WANTS_SECOND,   /* initiator: message 2 */
    LINK_WANTS_HEADER,   /* both: the other side's secretstream header */
    LINK_WANTS_CONFIRM,  /* both */
    LINK_UP,
    LINK_ENDED,          /* FINAL or failure: nothing is read any more */
};

struct repl_link {
    struct repl_link_cfg cfg;
    enum link_state state;
    const struct repl_secrets *secrets; /* of the preface's role; until the handshake began */
    uint32_t secret_id;
    const struct repl_party *party;     /* NULL, or who */
    struct repl_party who;
    struct repl_hello hello; /* theirs */
    struct noise noise;
    uint8_t binding[NOISE_HASH];
    uint8_t preface[PREFACE];
    struct seal sending, receiving;
    uint8_t receive_key[NOISE_KEY];
    uint64_t deadline_ms;
    uint8_t *out;
    size_t out_at, out_len;
    uint8_t plain[REPL_PAYLOAD_MAX + SEAL_OVERHEAD];
    struct arena arena;
    struct repl_msg msg;
    struct repl_link_event events[EVENTS_MAX];
    unsigned event_first, event_count;
};

static const char *const failure_texts[] = {
    [REPL_FAIL_NONE] = "",
    [REPL_FAIL_PREFACE] = "this is not the cluster protocol: something else talks to the cluster port",
    [REPL_FAIL_CLUSTER] = "another cluster's node or another secret: routeServer.name and the "
                          "secretFile (or nextSecretFile) must be the same on both sides",
    [REPL_FAIL_PARTY] = "its key is not in the configuration: compare its publicKey with "
                        "nodes[].publicKey and nextPublicKey, or with agents.hosts[].publicKey",
    [REPL_FAIL_ADDRESSEE] = "it expects another node or another key here: compare keyFile with what its "
                            "configuration has as publicKey or nextPublicKey of this node",
    [REPL_FAIL_HANDSHAKE] = "it does not hold the key that it claims: compare keyFile and publicKey "
                            "on both sides",
    [REPL_FAIL_VERSION] = "no protocol version in common: upgrade the older side",
    [REPL_FAIL_FRAME] = "a frame was damaged or replayed: the connection is given up",
    [REPL_FAIL_MESSAGE] = "an authentic message could not be read: compare the versions of both sides",
    [REPL_FAIL_TIMEOUT] = "the handshake did not end in time",
    [REPL_FAIL_TRUNCATED] = "the connection was closed without an orderly end",
    [REPL_FAIL_NOMEM] = "out of memory",
};

struct repl_party repl_party(uint8_t role, uint32_t id, const uint8_t public_key[static REPL_KEY])
{
    struct repl_party p = { .role = role, .id = id };
    memcpy(p.public_key, public_key, REPL_KEY);
    repl_key_id(public_key, p.key_id);
    return p;
}

static void emit(struct repl_link *l, struct repl_link_event e)
{
    assert(l->event_count < EVENTS_MAX);
    l->events[(l->event_first + l->event_count++) % EVENTS_MAX] = e;
}

static void fail(struct repl_link *l, enum repl_link_failure failure)
{
    if (l->state == LINK_ENDED)
        return;
    l->state = LINK_ENDED;
    l->deadline_ms = UINT64_MAX;
    emit(l, (struct repl_link_event){ .kind = REPL_LINK_FAILED,
                                      .failure = (uint8_t)failure,
                                      .text = failure_texts[failure],
                                      .party = l->party });
}

/* ---- output ---- */

static uint8_t *out_space(struct repl_link *l, size_t need)
{
    if (l->out_at && OUT_MAX - l->out_len < need) {
        memmove(l->out, l->out + l->out_at, l->out_len - l->out_at);
        l->out_len -= l->out_at;
        l->out_at = 0;
    }
    return OUT_MAX - l->out_len >= need ? l->out + l->out_len : NULL;
}

static void put(struct repl_link *l, const void *data, size_t len)
{
    uint8_t *to = out_space(l, len);
    assert(to); /* the handshake fits many times */
    memcpy(to, data, len);
    l->out_len += len;
}

size_t repl_link_pull(struct repl_link *l, uint8_t *buf, size_t cap)
{
    size_t n = l->out_len - l->out_at;
    if (n > cap)
        n = cap;
    memcpy(buf, l->out + l->out_at, n);
    l->out_at += n;
    if (l->out_at == l->out_len)
        l->out_at = l->out_len = 0;
    return n;
}

size_t repl_link_queued(const struct repl_link *l)
{
    return l->out_len - l->out_at;
}

static int send_frame(struct repl_link *l, enum seal_tag tag, const uint8_t *data, size_t len,
                      uint64_t now_ms)
{
    uint8_t *to = out_space(l, len + SEAL_OVERHEAD);
    if (!to)
        return REPL_ERR_SPACE;
    l->out_len += seal_put(&l->sending, tag, data, len, to, now_ms);
    return 0;
}

int repl_link_send(struct repl_link *l, const struct repl_msg *m, uint64_t now_ms)
{
    uint8_t payload[REPL_PAYLOAD_MAX];
    if (l->state != LINK_UP)
        return REPL_ERR_SPACE;
    int len = repl_msg_encode(m, payload, sizeof payload);
    return len < 0 ? len : repl_link_send_payload(l, payload, (size_t)len, now_ms);
}

int repl_link_send_payload(struct repl_link *l, const uint8_t *payload, size_t len, uint64_t now_ms)
{
    return l->state == LINK_UP ? send_frame(l, SEAL_MESSAGE, payload, len, now_ms) : REPL_ERR_SPACE;
}

void repl_link_finish(struct repl_link *l, uint64_t now_ms)
{
    if (l->state != LINK_UP)
        return;
    int full = send_frame(l, SEAL_FINAL, NULL, 0, now_ms);
    (void)full; /* then the close comes without FINAL, and the other side counts it as a failure */
    l->state = LINK_ENDED;
}

/* ---- preface ---- */

static void write_preface(struct repl_link *l)
{
    struct wire_writer w = wire_writer(l->preface, PREFACE);
    uint8_t own_id[REPL_KEY_ID];
    repl_key_id(l->cfg.identity->public_key, own_id);
    wire_put(&w, magic, sizeof magic);
    wire_put8(&w, MAJOR);
    wire_put8(&w, SUITE);
    wire_put8(&w, l->cfg.role);
    wire_put8(&w, 0);
    wire_put(&w, l->cfg.cluster_id, 16);
    wire_put32(&w, l->cfg.hello.node);
    wire_put32(&w, l->party->id);
    wire_put(&w, own_id, sizeof own_id);
    wire_put(&w, l->party->key_id, REPL_KEY_ID);
    wire_put(&w, l->secrets->psk_id, 4);
    assert(!w.failed && wire_room(&w) == 0);
}

static const struct repl_party *find_party(const struct repl_link *l, uint8_t role, uint32_t id,
                                           const uint8_t *key_id)
{
    for (size_t i = 0; i < l->cfg.party_count; i++) {
        const struct repl_party *p = &l->cfg.parties[i];
        if (p->role == role && (role != REPL_ROLE_NODE || p->id == id) &&
            noise_is_equal(p->key_id, key_id, REPL_KEY_ID))
            return p;
    }
    return NULL;
}

/* The list of parties may change while we talk: who it is stays with us. */
static void meet(struct repl_link *l, const struct repl_party *party)
{
    l->party = party ? &l->who : NULL;
    if (party)
        l->who = *party;
}

static bool is_named(const struct repl_secrets *s, const uint8_t *id)
{
    return s && memcmp(s->psk_id, id, sizeof s->psk_id) == 0;
}

/* NULL: none that we know. */
static const struct repl_secrets *named_secret(const struct repl_link *l, uint8_t role, const uint8_t *id)
{
    bool is_agent = role == REPL_ROLE_AGENT;
    const struct repl_secrets *first = is_agent ? l->cfg.agent_secrets : l->cfg.secrets;
    const struct repl_secrets *next = is_agent ? l->cfg.next_agent_secrets : l->cfg.next_secrets;
    return is_named(first, id) ? first : is_named(next, id) ? next : NULL;
}

/* Does anybody of this role connect here at all? */
static bool is_role(const struct repl_link *l, uint8_t role)
{
    return (role == REPL_ROLE_NODE && l->cfg.secrets) ||
           (role == REPL_ROLE_AGENT && (l->cfg.agent_secrets || l->cfg.next_agent_secrets));
}

/* A stranger costs one hash: the mac is looked at before anything else that costs. */
static enum repl_link_failure check_preface(struct repl_link *l, const uint8_t *data)
{
    uint8_t mac[NOISE_TAG], own_id[REPL_KEY_ID];
    struct wire_reader r = wire_reader(data, PREFACE);
    const uint8_t *start = wire_bytes(&r, 4);
    uint8_t major = wire_u8(&r), suite = wire_u8(&r), role = wire_u8(&r);
    wire_u8(&r);
    const uint8_t *cluster = wire_bytes(&r, 16);
    uint32_t from = wire_u32(&r), to = wire_u32(&r);
    const uint8_t *from_key = wire_bytes(&r, REPL_KEY_ID), *to_key = wire_bytes(&r, REPL_KEY_ID);
    const uint8_t *secret = wire_bytes(&r, sizeof l->secrets->psk_id);
    if (memcmp(start, magic, sizeof magic) != 0 || major != MAJOR || suite != SUITE)
        return REPL_FAIL_PREFACE;
    if (!is_role(l, role))
        return REPL_FAIL_PARTY;
    l->secrets = named_secret(l, role, secret);
    if (!l->secrets)
        return REPL_FAIL_CLUSTER;
    noise_mac(l->secrets->mac_key, data, PREFACE, mac);
    if (!noise_is_equal(mac, data + PREFACE, NOISE_TAG) || memcmp(cluster, l->cfg.cluster_id, 16) != 0)
        return REPL_FAIL_CLUSTER;
    repl_key_id(l->cfg.identity->public_key, own_id);
    meet(l, find_party(l, role, from, from_key));
    bool meant = to == l->cfg.hello.node && noise_is_equal(to_key, own_id, REPL_KEY_ID);
    if (!l->party)
        return REPL_FAIL_PARTY;
    return meant ? REPL_FAIL_NONE : REPL_FAIL_ADDRESSEE;
}

/* ---- handshake ---- */

static void start_noise(struct repl_link *l)
{
    l->secret_id = wire_get32(l->secrets->psk_id);
    noise_init(&l->noise, l->cfg.initiator, l->preface, PREFACE, l->cfg.identity->secret_key,
               l->cfg.identity->public_key, l->party->public_key, l->secrets->psk);
}

/* A handshake message is a 16-bit length and the Noise message with our HELLO. */
static bool send_handshake(struct repl_link *l)
{
    uint8_t hello[HELLO_MAX], message[2 + HELLO_MAX + NOISE_OVERHEAD], ephemeral[NOISE_KEY];
    int len = repl_hello_encode(&l->cfg.hello, hello, sizeof hello);
    if (len < 0)
        return false;
    noise_random_key(ephemeral);
    bool ok = noise_write(&l->noise, ephemeral, hello, (size_t)len, message + 2);
    memset(ephemeral, 0, sizeof ephemeral);
    if (!ok)
        return false;
    wire_set16(message, (uint16_t)(len + NOISE_OVERHEAD));
    put(l, message, 2u + (size_t)len + NOISE_OVERHEAD);
    return true;
}

static bool has_common_version(const struct repl_hello *a, const struct repl_hello *b)
{
    return a->minor_min <= b->minor_max && b->minor_min <= a->minor_max &&
           a->algo_min <= b->algo_max && b->algo_min <= a->algo_max;
}

static bool read_hello(struct repl_link *l, const uint8_t *message, size_t len)
{
    uint8_t hello[HELLO_MAX];
    if (!noise_read(&l->noise, message, len, hello)) {
        fail(l, REPL_FAIL_HANDSHAKE);
        return false;
    }
    if (repl_hello_decode(hello, len - NOISE_OVERHEAD, &l->hello) ||
        (l->party->role == REPL_ROLE_NODE && l->hello.node != l->party->id)) {
        fail(l, REPL_FAIL_MESSAGE);
        return false;
    }
    return true;
}

/* Both keys are there: start our sealed direction with CONFIRM, remember the key of the other. */
static void split(struct repl_link *l, uint64_t now_ms)
{
    uint8_t first[NOISE_KEY], second[NOISE_KEY], header[SEAL_HEADER];
    noise_split(&l->noise, first, second);
    memcpy(l->binding, l->noise.hash, NOISE_HASH);
    const uint8_t *send_key = l->cfg.initiator ? first : second;
    memcpy(l->receive_key, l->cfg.initiator ? second : first, NOISE_KEY);
    seal_begin_send(&l->sending, send_key, header, l->binding, NOISE_HASH, now_ms);
    noise_wipe(&l->noise);
    explicit_bzero(first, sizeof first);
    explicit_bzero(second, sizeof second);
    put(l, header, sizeof header);
    if (send_frame(l, SEAL_MESSAGE, (const uint8_t *)confirm, sizeof confirm, now_ms))
        fail(l, REPL_FAIL_NOMEM);
    else
        l->state = LINK_WANTS_HEADER;
}

/* Both hellos are said: who is refused for its version is told ours, too, and knows why. */
static void agree(struct repl_link *l, uint64_t now_ms)
{
    if (has_common_version(&l->cfg.hello, &l->hello))
        split(l, now_ms);
    else
        fail(l, REPL_FAIL_VERSION);
}

static void come_up(struct repl_link *l)
{
    l->state = LINK_UP;
    l->deadline_ms = UINT64_MAX;
    emit(l, (struct repl_link_event){ .kind = REPL_LINK_UP, .party = l->party, .hello = &l->hello });
}

/* ---- reading, one step a call: bytes consumed, 0 = more are needed ---- */

static size_t on_preface(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    (void)now_ms;
    size_t seen = len < sizeof magic ? len : sizeof magic;
    if (memcmp(data, magic, seen) != 0) { /* garbage is told from the first bytes on */
        fail(l, REPL_FAIL_PREFACE);
        return len;
    }
    if (len < PREFACE_MAC)
        return 0;
    enum repl_link_failure failure = check_preface(l, data);
    if (failure != REPL_FAIL_NONE) {
        fail(l, failure);
        return len;
    }
    memcpy(l->preface, data, PREFACE);
    if (l->party->role == REPL_ROLE_NODE)
        l->cfg.hello.your_incarnation = l->cfg.seen[l->party->id];
    else
        l->cfg.hello.minor_min = l->cfg.hello.minor_max = REPL_TABLE_MINOR;
    start_noise(l);
    l->state = LINK_WANTS_FIRST;
    return PREFACE_MAC;
}

/* The length in front of a handshake message, 0 while it is not complete. */
static size_t handshake_len(struct repl_link *l, const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    size_t message = wire_get16(data);
    if (message < NOISE_OVERHEAD || message > NOISE_OVERHEAD + HELLO_MAX) {
        fail(l, REPL_FAIL_HANDSHAKE);
        return 0;
    }
    return len < 2 + message ? 0 : message;
}

static size_t on_first(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    size_t message = handshake_len(l, data, len);
    if (!message)
        return 0;
    if (!read_hello(l, data + 2, message))
        return 2 + message;
    if (!send_handshake(l)) {
        fail(l, REPL_FAIL_NOMEM);
        return 2 + message;
    }
    agree(l, now_ms);
    return 2 + message;
}

static size_t on_second(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    size_t message = handshake_len(l, data, len);
    if (!message)
        return 0;
    if (read_hello(l, data + 2, message))
        agree(l, now_ms);
    return 2 + message;
}

static size_t on_header(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    (void)now_ms;
    if (len < SEAL_HEADER)
        return 0;
    if (!seal_begin_receive(&l->receiving, l->receive_key, data, l->binding, NOISE_HASH)) {
        fail(l, REPL_FAIL_FRAME);
        return SEAL_HEADER;
    }
    explicit_bzero(l->receive_key, sizeof l->receive_key);
    l->state = LINK_WANTS_CONFIRM;
    return SEAL_HEADER;
}

/* Opens the next frame into l->plain. Consumed bytes, 0 = incomplete or failed. */
static size_t open_frame(struct repl_link *l, const uint8_t *data, size_t len, int *plain_len,
                         enum seal_tag *tag)
{
    if (len < 2)
        return 0;
    size_t cipher = wire_get16(data);
    if (cipher < SEAL_OVERHEAD - 2 || cipher > FRAME_MAX - 2) {
        fail(l, REPL_FAIL_FRAME);
        return 0;
    }
    if (len < 2 + cipher)
        return 0;
    *plain_len = seal_open(&l->receiving, data + 2, cipher, l->plain, tag);
    if (*plain_len >= 0)
        return 2 + cipher;
    fail(l, REPL_FAIL_FRAME);
    return 0;
}

static size_t on_confirm(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    int plain = 0;
    enum seal_tag tag = SEAL_MESSAGE;
    (void)now_ms;
    size_t used = open_frame(l, data, len, &plain, &tag);
    if (!used)
        return 0;
    if (tag != SEAL_MESSAGE || plain != sizeof confirm ||
        memcmp(l->plain, confirm, sizeof confirm) != 0)
        fail(l, REPL_FAIL_HANDSHAKE);
    else
        come_up(l);
    return used;
}

static size_t on_frame(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    int plain = 0;
    enum seal_tag tag = SEAL_MESSAGE;
    (void)now_ms;
    size_t used = open_frame(l, data, len, &plain, &tag);
    if (!used)
        return 0;
    if (tag == SEAL_FINAL) {
        l->state = LINK_ENDED;
        emit(l, (struct repl_link_event){ .kind = REPL_LINK_ENDED, .party = l->party });
        return used;
    }
    arena_reset(&l->arena);
    int err = repl_msg_decode(l->plain, (size_t)plain, &l->arena, &l->msg);
    if (err)
        fail(l, err == REPL_ERR_NOMEM ? REPL_FAIL_NOMEM : REPL_FAIL_MESSAGE);
    else
        emit(l, (struct repl_link_event){ .kind = REPL_LINK_MSG, .party = l->party, .msg = &l->msg });
    return used;
}

size_t repl_link_feed(struct repl_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    static size_t (*const steps[])(struct repl_link *, const uint8_t *, size_t, uint64_t) = {
        [LINK_WANTS_PREFACE] = on_preface, [LINK_WANTS_FIRST] = on_first,
        [LINK_WANTS_SECOND] = on_second,   [LINK_WANTS_HEADER] = on_header,
        [LINK_WANTS_CONFIRM] = on_confirm, [LINK_UP] = on_frame,
    };
    if (l->state == LINK_ENDED || !len)
        return 0;
    return steps[l->state](l, data, len, now_ms);
}

/* ---- the rest ---- */

void repl_link_tick(struct repl_link *l, uint64_t now_ms)
{
    if (now_ms >= l->deadline_ms)
        fail(l, REPL_FAIL_TIMEOUT);
}

uint64_t repl_link_deadline(const struct repl_link *l)
{
    return l->deadline_ms;
}

void repl_link_closed(struct repl_link *l)
{
    fail(l, REPL_FAIL_TRUNCATED);
}

bool repl_link_is_up(const struct repl_link *l)
{
    return l->state == LINK_UP;
}

uint32_t repl_link_secret_id(const struct repl_link *l)
{
    return l->secret_id;
}

bool repl_link_next(struct repl_link *l, struct repl_link_event *out)
{
    if (!l->event_count)
        return false;
    *out = l->events[l->event_first];
    l->event_first = (l->event_first + 1) % EVENTS_MAX;
    l->event_count--;
    return true;
}

static bool start_initiator(struct repl_link *l)
{
    uint8_t mac[NOISE_TAG];
    meet(l, &l->cfg.parties[0]);
    l->secrets = l->cfg.secrets;
    l->state = LINK_WANTS_SECOND;
    write_preface(l);
    noise_mac(l->secrets->mac_key, l->preface, PREFACE, mac);
    put(l, l->preface, PREFACE);
    put(l, mac, sizeof mac);
    start_noise(l);
    return send_handshake(l);
}

struct repl_link *repl_link_new(const struct repl_link_cfg *cfg, uint64_t now_ms)
{
    struct repl_link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->cfg = *cfg;
    l->deadline_ms = now_ms + HANDSHAKE_MS;
    l->out = malloc(OUT_MAX);
    if (l->out && (!cfg->initiator || start_initiator(l)))
        return l;
    repl_link_free(l);
    return NULL;
}

void repl_link_free(struct repl_link *l)
{
    if (!l)
        return;
    noise_wipe(&l->noise);
    seal_wipe(&l->sending);
    seal_wipe(&l->receiving);
    explicit_bzero(l->receive_key, sizeof l->receive_key);
    explicit_bzero(l->plain, sizeof l->plain);
    arena_fini(&l->arena);
    free(l->out);
    free(l);
}
