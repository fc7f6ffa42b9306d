/* Keys of the channel, and how they are exchanged for others while everything runs.
 *
 * A node has one key, and the others know two of it while it changes; of the secret everybody has two. So there
 * is an order of steps in which nobody is ever without: make the new one known everywhere, use it, forget the
 * old one. Beats say which key a node uses and which secrets it accepts; as soon as both sides of a link have
 * something newer than what it was made with, the lower node id makes another beside it, which takes its place.
 * What is not accepted any more ends its links at once.
 * Source: the replication design 4.10, rotation. */
#include <stdio.h>
#include <string.h>

#include "node/core/core_impl.h"

/* ---- what is known ---- */

static uint32_t id_of(const struct repl_secrets *s)
{
    return wire_get32(s->psk_id);
}

static void copy_keys(struct core *c, const struct repl_identity *identity, const struct repl_secrets *secrets,
                      const struct repl_secrets *next)
{
    if (identity)
        c->keys.identity = *identity;
    if (secrets)
        c->keys.secrets[0] = *secrets;
    if (next)
        c->keys.secrets[1] = *next;
    c->keys.secret_count = secrets ? next ? 2 : 1 : 0;
    c->cfg.identity = identity ? &c->keys.identity : NULL;
    c->cfg.secrets = secrets ? &c->keys.secrets[0] : NULL;
    c->cfg.next_secrets = next ? &c->keys.secrets[1] : NULL;
    if (identity)
        repl_key_id(c->keys.identity.public_key, c->key_id);
}

void core_keys_init(struct core *c)
{
    copy_keys(c, c->cfg.identity, c->cfg.secrets, c->cfg.next_secrets);
    enum repl_digest_form form = c->cfg.secrets ? REPL_DIGEST_PRODUCT : REPL_DIGEST_SUM; /* of none it stays zero */
    repl_digest_init(&c->digest, form, c->keys.secrets[0].digest_key);
}

void core_keys_fini(struct core *c)
{
    repl_identity_wipe(&c->keys.identity);
    for (size_t i = 0; i < REPL_SECRETS_MAX; i++)
        repl_secrets_wipe(&c->keys.secrets[i]);
}

/* A node's keys, as the configuration has them. */
void core_keys_list(struct core_member *m)
{
    m->parties[0] = repl_party(REPL_ROLE_NODE, m->node->id, m->node->public_key);
    m->party_count = 1;
    if (m->node->has_next_public_key)
        m->parties[m->party_count++] = repl_party(REPL_ROLE_NODE, m->node->id, m->node->next_public_key);
}

static const struct repl_party *party_with(const struct core_member *m, const uint8_t *key_id)
{
    for (size_t i = 0; i < m->party_count; i++)
        if (memcmp(m->parties[i].key_id, key_id, REPL_KEY_ID) == 0)
            return &m->parties[i];
    return NULL;
}

static const struct repl_secrets *secret_with(const struct core *c, uint32_t id)
{
    for (size_t i = 0; i < c->keys.secret_count; i++)
        if (id_of(&c->keys.secrets[i]) == id)
            return &c->keys.secrets[i];
    return NULL;
}

/* ---- what is used ---- */

static bool has_told(const struct core_member *m)
{
    return m->has_heard && m->heard.secret_count;
}

static bool accepts(const struct core_member *m, uint32_t secret_id)
{
    for (int i = 0; i < m->heard.secret_count; i++)
        if (m->heard.secret_ids[i] == secret_id)
            return true;
    return false;
}

/* The newest secret that both have; NULL: none, as far as its beats say. */
static const struct repl_secrets *common_secret(const struct core *c, const struct core_member *m)
{
    for (size_t i = c->keys.secret_count; has_told(m) && i-- > 0;)
        if (accepts(m, id_of(&c->keys.secrets[i])))
            return &c->keys.secrets[i];
    return NULL;
}

unsigned core_keys_choices(const struct core *c, const struct core_member *m)
{
    return (unsigned)(m->party_count * c->keys.secret_count);
}

struct core_choice core_keys_choose(const struct core *c, const struct core_member *m)
{
    struct core_choice choice = { &m->parties[m->attempt % m->party_count],
                                  &c->keys.secrets[m->attempt / m->party_count % c->keys.secret_count] };
    const struct repl_party *party = has_told(m) ? party_with(m, m->heard.key_id) : NULL;
    const struct repl_secrets *secret = common_secret(c, m);
    if (party)
        choice.party = party;
    if (secret)
        choice.secrets = secret;
    return choice;
}

/* The link is up: what it was made with is where the next dial begins. */
void core_keys_proven(struct core *c, struct core_member *m, struct core_conn *conn,
                      const struct repl_party *party)
{
    unsigned place = 0;
    memcpy(conn->proof.own_key, c->key_id, REPL_KEY_ID);
    memcpy(conn->proof.peer_key, party->key_id, REPL_KEY_ID);
    conn->proof.secret = repl_link_secret_id(conn->link);
    while (place < core_keys_choices(c, m) &&
           (memcmp(m->parties[place % m->party_count].key_id, party->key_id, REPL_KEY_ID) != 0 ||
            id_of(&c->keys.secrets[place / m->party_count]) != conn->proof.secret))
        place++;
    m->attempt = place < core_keys_choices(c, m) ? place : 0;
}

bool core_keys_are_outdated(const struct core *c, const struct core_member *m)
{
    const struct core_proof *p = &m->link->proof;
    const struct repl_secrets *secret = common_secret(c, m);
    if (!has_told(m) || !party_with(m, m->heard.key_id))
        return false;
    return memcmp(p->own_key, c->key_id, REPL_KEY_ID) != 0 ||
           memcmp(p->peer_key, m->heard.key_id, REPL_KEY_ID) != 0 || (secret && id_of(secret) != p->secret);
}

/* ---- what is told and heard ---- */

void core_keys_say(const struct core *c, struct repl_beat *b)
{
    memcpy(b->key_id, c->key_id, sizeof b->key_id);
    for (size_t i = 0; i < c->keys.secret_count; i++)
        b->secret_ids[i] = id_of(&c->keys.secrets[i]);
    b->secret_count = (uint8_t)c->keys.secret_count;
}

void core_keys_heard(struct core *c, struct core_member *m)
{
    char subject[CONFIG_NAME_MAX + 16];
    bool is_unlisted = has_told(m) && !party_with(m, m->heard.key_id);
    if (is_unlisted && !m->key_unlisted)
        core_event(c, CONFIG_LOG_WARN, "node_key_unlisted", core_member_subject(m, subject, sizeof subject),
                   "hint=\"it uses a key that is neither its publicKey nor its nextPublicKey here: the link lasts "
                   "until it breaks; list the key and reload\"");
    m->key_unlisted = is_unlisted;
}

/* Digests under other keys differ however equal the tables are. */
bool core_keys_compare(const struct core *c, const struct core_member *m)
{
    return !has_told(m) || !c->keys.secret_count || m->heard.secret_ids[0] == id_of(&c->keys.secrets[0]);
}

/* ---- a change ---- */

static void end_revoked(struct core *c, struct core_member *m)
{
    char subject[CONFIG_NAME_MAX + 16];
    const struct core_proof *p = m->link ? &m->link->proof : NULL;
    if (!p || (party_with(m, p->peer_key) && secret_with(c, p->secret)))
        return;
    core_event(c, CONFIG_LOG_WARN, "node_key_revoked", core_member_subject(m, subject, sizeof subject),
               "hint=\"the link was made with a key or secret that is not accepted any more, and ends\"");
    core_conn_close(c, m->link);
}

/* The digest goes over to the key that holds now, unless it is there or on its way. */
static void aim(struct core *c)
{
    const struct repl_digest *last = c->rekey.is_on ? &c->rekey.digest : &c->digest;
    const uint8_t *key = c->keys.secrets[0].digest_key;
    if (memcmp(last->key, key, sizeof last->key) == 0)
        return;
    c->rekey = (struct core_rekey){ .is_on = true, .place = 1 };
    repl_digest_init(&c->rekey.digest, c->digest.form, key);
}

void core_set_keys(struct core *c, const struct core_keys *keys, uint64_t now_ms)
{
    char id[2 * REPL_KEY_ID + 1];
    c->now_ms = now_ms;
    if (!c->cfg.identity)
        return;
    copy_keys(c, &keys->identity, keys->secret_count > 0 ? &keys->secrets[0] : NULL,
              keys->secret_count > 1 ? &keys->secrets[1] : NULL);
    for (struct core_member *m = core_next_member(c, NULL); m; m = core_next_member(c, m)) {
        core_keys_list(m);
        m->rekey_ms = 0;
        end_revoked(c, m);
    }
    core_agent_keys_set(c, keys->agent_secrets, keys->agent_secret_count);
    core_parties_changed(c);
    aim(c);
    c->beat_ms = now_ms; /* the others hear of it at once */
    core_event(c, CONFIG_LOG_INFO, "keys_taken", NULL, "key=%s secrets=%zu", core_key_text(c->key_id, id),
               c->keys.secret_count);
}

const char *core_key_text(const uint8_t id[static REPL_KEY_ID], char text[static 2 * REPL_KEY_ID + 1])
{
    for (int i = 0; i < REPL_KEY_ID; i++)
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    return text;
}

/* ---- the digest under another key ---- */

static bool has_passed(const struct core_rekey *k, uint32_t net)
{
    uint8_t family = (uint8_t)prefix_index_family(net);
    return family < k->family || (family == k->family && prefix_index_place(net) < k->place);
}

void core_rekey_changed(struct core *c, uint32_t net, uint32_t old_set, uint32_t new_set)
{
    if (has_passed(&c->rekey, net))
        core_digest_change(c, &c->rekey.digest, net, old_set, new_set);
}

/* True: there is more. */
static bool rekey(struct core *c, uint32_t budget)
{
    struct core_rekey *k = &c->rekey;
    for (; k->family < BGP_FAMILIES; k->family++, k->place = 1)
        for (; k->place < prefix_table_top(&c->rib.nets, (enum bgp_family)k->family); k->place++) {
            uint32_t net = k->place | (uint32_t)k->family << PREFIX_FAMILY_SHIFT;
            if (!budget--)
                return true;
            if (!prefix_table_is_used(&c->rib.nets, net) || !rib_net_nhset(&c->rib, net))
                continue;
            core_digest_change(c, &k->digest, net, 0, rib_net_nhset(&c->rib, net));
        }
    return false;
}

void core_keys_tick(struct core *c)
{
    aim(c);
    if (!c->rekey.is_on || rekey(c, CORE_DECIDE_BUDGET / 2))
        return;
    c->digest = c->rekey.digest;
    c->rekey.is_on = false;
}
