#include "replication/member.h"

/* Lateness of the own loop scales every threshold, up to eightfold (Lifeguard). */
enum { LAG_UNIT_MS = 50, LAG_FACTOR_MAX = 7 };

/* What comes by others comes later: a beat waits for theirs at every hop. */
enum { HEARSAY_FACTOR = 2 };

static const char *const state_names[] = {
    [REPL_MEMBER_UNKNOWN] = "unknown", [REPL_MEMBER_ALIVE] = "alive",
    [REPL_MEMBER_SUSPECT] = "suspect", [REPL_MEMBER_DEAD] = "dead",
    [REPL_MEMBER_AUTH_FAILED] = "auth-failed", [REPL_MEMBER_LEFT] = "left",
};

const char *repl_member_state_name(uint8_t state)
{
    return state < sizeof state_names / sizeof *state_names ? state_names[state] : "unknown";
}

static bool enter(struct repl_member *m, enum repl_member_state state, uint64_t now_ms)
{
    if (m->state == state)
        return false;
    m->state = (uint8_t)state;
    m->since_ms = now_ms;
    return true;
}

static void dial_later(struct repl_member *m, uint64_t now_ms)
{
    m->dial_ms = now_ms + m->retry_ms;
    m->retry_ms = m->retry_ms * 2 < m->times->retry_max_ms ? m->retry_ms * 2 : m->times->retry_max_ms;
}

static void dial_now(struct repl_member *m, uint64_t now_ms)
{
    m->dial_ms = now_ms;
    m->retry_ms = m->times->retry_min_ms;
}

void repl_member_init(struct repl_member *m, const struct repl_member_times *times, uint64_t now_ms)
{
    *m = (struct repl_member){
        .since_ms = now_ms, .heard_ms = now_ms, .direct_ms = now_ms, .times = times
    };
    dial_now(m, now_ms);
}

bool repl_member_linked(struct repl_member *m, uint64_t now_ms)
{
    m->linked = true;
    m->refused = false;
    m->heard_ms = m->direct_ms = now_ms;
    m->dial_ms = UINT64_MAX;
    m->retry_ms = m->times->retry_min_ms;
    return enter(m, REPL_MEMBER_ALIVE, now_ms);
}

bool repl_member_heard(struct repl_member *m, uint64_t now_ms)
{
    m->heard_ms = m->direct_ms = now_ms;
    return m->linked && enter(m, REPL_MEMBER_ALIVE, now_ms);
}

/* Its last beats before its port refused us may still be on their way around. */
static bool is_last_rumour(const struct repl_member *m, bool is_new_life, uint64_t now_ms)
{
    return m->state == REPL_MEMBER_DEAD && m->refused && !m->is_vouched && !is_new_life &&
           now_ms < m->since_ms + m->times->dead_ms * HEARSAY_FACTOR;
}

bool repl_member_heard_of(struct repl_member *m, uint64_t heard_ms, bool is_new_life, uint64_t now_ms)
{
    if (heard_ms > m->heard_ms || m->state == REPL_MEMBER_UNKNOWN)
        m->heard_ms = heard_ms;
    bool is_recent = now_ms < heard_ms + m->times->dead_ms * HEARSAY_FACTOR;
    bool has_left = m->state == REPL_MEMBER_LEFT || (m->state == REPL_MEMBER_AUTH_FAILED && !m->unanswered);
    if (!is_recent || is_last_rumour(m, is_new_life, now_ms) || (has_left && !is_new_life))
        return false;
    return enter(m, REPL_MEMBER_ALIVE, now_ms);
}

static bool judge_refusal(struct repl_member *m, uint64_t now_ms)
{
    bool is_gone = m->refused && !m->is_vouched && !m->linked && m->state != REPL_MEMBER_LEFT;
    return is_gone && enter(m, REPL_MEMBER_DEAD, now_ms);
}

bool repl_member_vouch(struct repl_member *m, bool is_vouched, uint64_t now_ms)
{
    m->is_vouched = is_vouched;
    return judge_refusal(m, now_ms);
}

bool repl_member_goodbye(struct repl_member *m, uint64_t now_ms)
{
    m->linked = false;
    m->retry_ms = m->times->retry_min_ms;
    dial_later(m, now_ms);
    return enter(m, REPL_MEMBER_LEFT, now_ms);
}

bool repl_member_unlinked(struct repl_member *m, uint64_t now_ms)
{
    if (!m->linked)
        return false;
    m->linked = false;
    dial_now(m, now_ms);
    return m->state == REPL_MEMBER_ALIVE && enter(m, REPL_MEMBER_SUSPECT, now_ms);
}

bool repl_member_auth_failed(struct repl_member *m, uint64_t now_ms)
{
    if (m->linked)
        return false; /* somebody else who knocks; the real one is here */
    if (m->dial_ms == UINT64_MAX)
        dial_later(m, now_ms);
    m->unanswered = false;
    return enter(m, REPL_MEMBER_AUTH_FAILED, now_ms);
}

static bool is_away(const struct repl_member *m)
{
    return m->state == REPL_MEMBER_DEAD || m->state == REPL_MEMBER_LEFT ||
           m->state == REPL_MEMBER_AUTH_FAILED;
}

bool repl_member_dial_failed(struct repl_member *m, bool refused, uint64_t now_ms)
{
    if (m->linked)
        return false;
    dial_later(m, now_ms);
    m->refused = refused;
    m->unanswered = true;
    return judge_refusal(m, now_ms);
}

static uint64_t patience(uint64_t threshold_ms, uint64_t lag_ms)
{
    uint64_t factor = lag_ms / LAG_UNIT_MS;
    return threshold_ms * (1 + (factor < LAG_FACTOR_MAX ? factor : LAG_FACTOR_MAX));
}

/* Silence is counted from then. */
static uint64_t since(const struct repl_member *m, uint64_t word_ms)
{
    return word_ms > m->armed_ms ? word_ms : m->armed_ms;
}

static uint64_t hearsay_factor(const struct repl_member *m)
{
    return m->linked || m->heard_ms == m->direct_ms ? 1 : HEARSAY_FACTOR;
}

static uint64_t suspect_ms(const struct repl_member *m)
{
    return m->times->suspect_ms * hearsay_factor(m);
}

static uint64_t dead_ms(const struct repl_member *m)
{
    return m->times->dead_ms * hearsay_factor(m);
}

bool repl_member_link_is_silent(const struct repl_member *m, uint64_t lag_ms, uint64_t now_ms)
{
    return m->linked && now_ms - since(m, m->direct_ms) >= patience(m->times->dead_ms, lag_ms);
}

bool repl_member_tick(struct repl_member *m, uint64_t lag_ms, uint64_t now_ms)
{
    if (is_away(m))
        return false;
    uint64_t silence_ms = now_ms - since(m, m->heard_ms);
    if (silence_ms >= patience(dead_ms(m), lag_ms))
        return enter(m, REPL_MEMBER_DEAD, now_ms);
    if (m->state == REPL_MEMBER_ALIVE && silence_ms >= patience(suspect_ms(m), lag_ms))
        return enter(m, REPL_MEMBER_SUSPECT, now_ms);
    return false;
}

bool repl_member_take_dial(struct repl_member *m, uint64_t now_ms)
{
    if (m->linked || now_ms < m->dial_ms)
        return false;
    m->dial_ms = UINT64_MAX;
    return true;
}

uint64_t repl_member_deadline(const struct repl_member *m)
{
    uint64_t due = m->dial_ms;
    if (!is_away(m)) {
        bool suspects = m->state == REPL_MEMBER_ALIVE && m->times->suspect_ms < m->times->dead_ms;
        uint64_t silent = since(m, m->heard_ms) + (suspects ? suspect_ms(m) : dead_ms(m));
        if (silent < due)
            due = silent;
    }
    if (m->linked && since(m, m->direct_ms) + m->times->dead_ms < due)
        due = since(m, m->direct_ms) + m->times->dead_ms;
    return due;
}

void repl_member_rearm(struct repl_member *m, uint64_t now_ms)
{
    m->armed_ms = now_ms;
}
