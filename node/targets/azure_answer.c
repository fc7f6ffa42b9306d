/* What an answer means: by its status first (one table for all requests), then by what was asked. */
#include "node/targets/azure_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    TOKEN_EARLY_S = 300, /* a token is renewed so long before its end */
    POLL_MS = 500,       /* when the resource manager names no time */
    POLL_TRIES = 4,      /* then the table itself is asked */
    RETRY_AFTER_MAX_S = 300,
    UPDATING_MAX_MS = 120000, /* a table that never settles is taken as it is */
};

/* ---- what all answers have in common ---- */

static const struct {
    uint16_t status;
    uint8_t state;
} by_status[] = {
    { 200, AZURE_OK },        { 201, AZURE_OK },           { 202, AZURE_OK },
    { 401, AZURE_UNAUTHORIZED }, { 403, AZURE_FORBIDDEN }, { 404, AZURE_NOT_FOUND },
    { 409, AZURE_BUSY },      { 412, AZURE_CONTENDED },    { 429, AZURE_THROTTLED },
};

static const uint8_t by_outcome[HTTP_OUTCOMES] = {
    [HTTP_UNREACHABLE] = AZURE_UNREACHABLE, [HTTP_UNTRUSTED] = AZURE_UNTRUSTED,
    [HTTP_TIMED_OUT] = AZURE_TIMEOUT,       [HTTP_TOO_LARGE] = AZURE_MALFORMED,
    [HTTP_BROKEN] = AZURE_MALFORMED,
};

static enum azure_state judge(const struct azure_answer *a)
{
    if (a->outcome != HTTP_ANSWERED)
        return by_outcome[a->outcome];
    for (size_t i = 0; i < sizeof by_status / sizeof *by_status; i++)
        if (by_status[i].status == a->status)
            return by_status[i].state;
    if (a->status >= 500)
        return AZURE_SERVER_ERROR;
    return a->status >= 400 ? AZURE_REFUSED : AZURE_MALFORMED; /* redirects are not followed */
}

/* One line of printable characters out of what somebody else wrote. */
static void print_line(char *out, size_t cap, const char *code, const char *message)
{
    snprintf(out, cap, "%s%s%s", code, *message ? ": " : "", message);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '"')
            *c = ' ';
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The resource manager's and an operation's error is an object, the authority's a word. */
static bool read_error(const json_t *body, char out[static AZURE_ERROR_MAX])
{
    const json_t *error = json_object_get(body, "error");
    if (json_is_string(error))
        print_line(out, AZURE_ERROR_MAX, json_string_value(error),
                   text_at(body, "error_description"));
    else if (*text_at(error, "code"))
        print_line(out, AZURE_ERROR_MAX, text_at(error, "code"), text_at(error, "message"));
    else
        return false;
    return true;
}

static void explain(const struct azure_answer *a, char out[static AZURE_ERROR_MAX])
{
    json_t *body = a->len ? json_loadb(a->body, a->len, 0, NULL) : NULL;
    if (a->outcome != HTTP_ANSWERED)
        print_line(out, AZURE_ERROR_MAX, a->error, "");
    else if (!read_error(body, out))
        snprintf(out, AZURE_ERROR_MAX, "HTTP status %u", a->status);
    json_decref(body);
}

static uint64_t retry_after_ms(const struct azure_answer *a, uint64_t otherwise_ms)
{
    if (!a->retry_after_s)
        return otherwise_ms;
    return 1000 * (uint64_t)(a->retry_after_s < RETRY_AFTER_MAX_S ? a->retry_after_s : RETRY_AFTER_MAX_S);
}

void azure_failed(struct azure_machine *m, enum azure_kind kind, enum azure_state state,
                  const char *text, uint64_t least_ms, uint64_t now_ms)
{
    m->status.failures++;
    m->status.throttled += state == AZURE_THROTTLED;
    azure_back_off(m, kind, least_ms, now_ms);
    azure_set_state(m, state, text, now_ms);
    if (kind == AZURE_TOKEN || kind == AZURE_READ)
        repl_fence_unreadable(m->cfg.fence, now_ms);
    if (state == AZURE_UNAUTHORIZED)
        azure_forget_token(m);
    if (state == AZURE_THROTTLED && m->not_before[AZURE_READ] < now_ms + least_ms)
        m->not_before[AZURE_READ] = now_ms + least_ms; /* earlier calls only prolong it */
}

static void fail_as_answered(struct azure_machine *m, enum azure_kind kind,
                             const struct azure_answer *a, uint64_t now_ms)
{
    char text[AZURE_ERROR_MAX];
    explain(a, text);
    azure_failed(m, kind, judge(a), text, retry_after_ms(a, 0), now_ms);
}

static void must_read(struct azure_machine *m, uint64_t at_ms)
{
    free(m->operation);
    m->operation = NULL;
    m->must_read = true;
    m->poll_due_ms = at_ms;
}

/* ---- a token ---- */

static void on_token(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    char text[AZURE_ERROR_MAX], error[AZURE_IDENTITY_ERROR];
    uint32_t lifetime_s;
    if (a->outcome != HTTP_ANSWERED || a->status != 200) {
        explain(a, text);
        azure_failed(m, AZURE_TOKEN, AZURE_NO_TOKEN, text, retry_after_ms(a, 0), now_ms);
    } else if (!azure_identity_answer(a->body, a->len, &m->token, &lifetime_s, error)) {
        azure_failed(m, AZURE_TOKEN, AZURE_NO_TOKEN, error, 0, now_ms);
    } else {
        uint32_t early_s = lifetime_s / 2 < TOKEN_EARLY_S ? lifetime_s / 2 : TOKEN_EARLY_S;
        m->token_until_ms = now_ms + 1000 * (uint64_t)(lifetime_s - early_s);
        m->tries[AZURE_TOKEN] = 0;
    }
}

/* ---- the table ---- */

/* Who may write, by the tag; false: nobody of this cluster. */
static bool tell_fence(struct azure_machine *m, uint64_t now_ms)
{
    struct repl_fence_record r;
    uint64_t beat;
    enum azure_tag tag = azure_fence_parse(&m->cfg, m->table.fence, &r, &beat);
    if (tag == AZURE_TAG_OF_OTHERS) {
        azure_failed(m, AZURE_READ, AZURE_OTHER_CLUSTER, m->table.fence, 0, now_ms);
        return false;
    }
    bool is_new = r.epoch != m->cfg.fence->record.epoch;
    if (m->was_refused && is_new)
        repl_fence_refused(m->cfg.fence, tag == AZURE_TAG_GOOD ? &r : NULL, now_ms);
    else
        repl_fence_seen(m->cfg.fence, tag == AZURE_TAG_GOOD ? &r : NULL, now_ms);
    m->was_refused = false;
    if (tag != AZURE_TAG_GOOD)
        return true;
    repl_fence_beat_seen(m->cfg.fence, beat, now_ms);
    m->beat = beat > m->beat ? beat : m->beat;
    return true;
}

/* The end of our own write, as the table shows it. */
static void settle(struct azure_machine *m, uint64_t now_ms)
{
    m->is_settling = false;
    if (m->table.provisioning == AZURE_FAILED) {
        azure_refuse(m, now_ms);
        azure_failed(m, AZURE_WRITE, AZURE_NOT_PROVISIONED, m->fault, 0, now_ms);
    } else if (azure_plan_is_done(&m->plan, &m->table)) {
        azure_settle(m, now_ms);
    } else { /* it was never carried out, or somebody has overwritten it since */
        m->is_pending = true;
        azure_give_back(m, now_ms);
        azure_back_off(m, AZURE_WRITE, 0, now_ms);
    }
    m->fault[0] = 0;
}

static bool is_updating(struct azure_machine *m, uint64_t now_ms)
{
    if (m->table.provisioning != AZURE_UPDATING) {
        m->updating_ms = 0;
        return false;
    }
    if (!m->updating_ms)
        m->updating_ms = now_ms;
    return now_ms < m->updating_ms + UPDATING_MAX_MS;
}

/* All that was wanted is there, also when what failed is not wanted any more. */
static bool has_nothing_left(struct azure_machine *m)
{
    const struct program_stats *s = program_stats(m->cfg.program);
    if (s->pending || s->failed || m->table.provisioning == AZURE_FAILED)
        return false;
    m->tries[AZURE_WRITE] = 0;
    m->status.unfit = 0;
    return true;
}

static void on_table(struct azure_machine *m, uint64_t now_ms)
{
    m->status.last_read_ms = m->read_ms = now_ms;
    m->must_read = false;
    m->tries[AZURE_READ] = 0;
    if (!tell_fence(m, now_ms))
        return;
    if (is_updating(m, now_ms)) {
        must_read(m, now_ms + 2 * POLL_MS);
        if (!m->is_settling)
            azure_set_state(m, AZURE_BUSY, "somebody else's change is under way", now_ms);
        return;
    }
    if (m->is_settling)
        settle(m, now_ms);
    bool is_doubtful = m->table.provisioning == AZURE_FAILED; /* listed, but perhaps not in force */
    if (!is_doubtful || m->cfg.fence->role != REPL_ACTIVE || !m->status.was_read)
        azure_observe(m);
    if (m->cfg.fence->role != REPL_ACTIVE)
        azure_set_state(m, AZURE_STANDBY, "", now_ms);
    else if (has_nothing_left(m))
        azure_set_state(m, AZURE_OK, "", now_ms);
}

static void on_read(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    char error[AZURE_ERROR_MAX];
    if (judge(a) != AZURE_OK)
        fail_as_answered(m, AZURE_READ, a, now_ms);
    else if (!azure_table_read(&m->table, a->body, a->len, error))
        azure_failed(m, AZURE_READ, AZURE_MALFORMED, error, 0, now_ms);
    else
        on_table(m, now_ms);
}

/* ---- a write ---- */

/* Only our own resource manager is shown our token. */
static bool is_same_origin(const struct azure_machine *m, const char *url)
{
    size_t len = strlen(m->cfg.endpoint);
    if (!url || strncasecmp(url, m->cfg.endpoint, len) != 0 || url[len] != '/')
        return false;
    for (; *url; url++)
        if (*url <= 0x20 || *url > 0x7e)
            return false;
    return true;
}

static void on_accepted(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    m->status.accepted++;
    m->status.last_write_ms = now_ms;
    m->is_settling = true;
    m->is_pending = false;
    azure_set_state(m, AZURE_WORKING, "", now_ms);
    if (m->is_taking)
        repl_fence_took(m->cfg.fence, m->writing.epoch, now_ms);
    must_read(m, now_ms);
    if (is_same_origin(m, a->operation)) {
        m->must_read = false;
        m->operation = memory_copy_text(a->operation);
        m->poll_due_ms = now_ms + retry_after_ms(a, POLL_MS);
    }
}

/* A number in the message that lies between what the table has and what was wanted is the limit;
 * without one, what the table has now. */
static void learn_limit(struct azure_machine *m, const char *text)
{
    size_t now = m->table.count + m->table.others, wanted = m->plan.count + m->table.others;
    if (wanted <= now || (!strcasestr(text, "limit") && !strcasestr(text, "more than")))
        return;
    m->limit = (uint32_t)now;
    for (const char *c = text; *c; c++) {
        char *end;
        unsigned long number = *c >= '0' && *c <= '9' ? strtoul(c, &end, 10) : 0;
        if (number >= now && number < wanted)
            m->limit = (uint32_t)number;
        if (number)
            c = end - 1;
    }
}

static void on_refused(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    char text[AZURE_ERROR_MAX];
    explain(a, text);
    learn_limit(m, text);
    azure_refuse(m, now_ms);
    azure_failed(m, AZURE_WRITE, AZURE_REFUSED, text, 0, now_ms);
}

/* The first refusal by If-Match costs nothing but a reading. */
static void on_conflict(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    m->status.conflicts++;
    m->was_refused = true;
    azure_give_back(m, now_ms);
    must_read(m, now_ms);
    if (m->tries[AZURE_WRITE]++)
        fail_as_answered(m, AZURE_WRITE, a, now_ms);
}

/* It may have been done, or not: the table tells. */
static void on_unknown(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    if (judge(a) == AZURE_OK)
        azure_failed(m, AZURE_WRITE, AZURE_MALFORMED, "", 0, now_ms);
    else
        fail_as_answered(m, AZURE_WRITE, a, now_ms);
    repl_fence_unreadable(m->cfg.fence, now_ms);
    m->is_settling = true;
    must_read(m, now_ms + POLL_MS);
}

/* An answer with a good status counts when it shows the table that was written, with its fence: proxies
 * have answers of their own. */
static bool shows_our_write(const struct azure_machine *m, const struct azure_answer *a)
{
    char error[AZURE_ERROR_MAX], tag[AZURE_TAG_MAX + 1];
    struct azure_table t = { .sets = m->cfg.sets };
    azure_fence_format(&m->cfg, &m->writing, m->beat, tag);
    bool ok = azure_table_read(&t, a->body, a->len, error) && strcmp(t.fence, tag) == 0;
    azure_table_fini(&t);
    return ok;
}

static void on_write(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    enum azure_state state = judge(a);
    bool was_lost = a->outcome != HTTP_ANSWERED && a->was_sent;
    if (state == AZURE_OK && shows_our_write(m, a))
        on_accepted(m, a, now_ms);
    else if (state == AZURE_CONTENDED)
        on_conflict(m, a, now_ms);
    else if (state == AZURE_REFUSED)
        on_refused(m, a, now_ms);
    else if (was_lost || state == AZURE_OK || state == AZURE_SERVER_ERROR ||
             state == AZURE_MALFORMED)
        on_unknown(m, a, now_ms);
    else { /* not done, for a reason of the whole table */
        azure_give_back(m, now_ms);
        fail_as_answered(m, AZURE_WRITE, a, now_ms);
        must_read(m, now_ms + 2 * POLL_MS);
    }
    m->is_taking = false;
}

/* ---- an operation ---- */

/* Operations are the subscription's: who has a role on the table alone may not see them, and asks the
 * table. */
static bool is_closed(const struct azure_answer *a)
{
    enum azure_state state = judge(a);
    return state == AZURE_NOT_FOUND || state == AZURE_FORBIDDEN;
}

static void on_poll(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    json_t *body = judge(a) == AZURE_OK ? json_loadb(a->body, a->len, 0, NULL) : NULL;
    const char *status = text_at(body, "status");
    bool has_failed = strcasecmp(status, "Failed") == 0 || strcasecmp(status, "Canceled") == 0;
    if (has_failed && !read_error(body, m->fault))
        print_line(m->fault, sizeof m->fault, "the operation ended", status);
    if (has_failed || strcasecmp(status, "Succeeded") == 0) {
        must_read(m, now_ms);
        m->tries[AZURE_POLL] = 0;
    } else if (*status) {
        m->poll_due_ms = now_ms + retry_after_ms(a, 2 * POLL_MS);
        m->tries[AZURE_POLL] = 0;
    } else if (m->tries[AZURE_POLL] < POLL_TRIES && !is_closed(a)) {
        m->status.throttled += judge(a) == AZURE_THROTTLED;
        azure_back_off(m, AZURE_POLL, retry_after_ms(a, 0), now_ms);
        if (judge(a) == AZURE_UNAUTHORIZED)
            azure_forget_token(m);
    } else {
        m->tries[AZURE_POLL] = 0;
        must_read(m, now_ms);
    }
    json_decref(body);
}

static void heed_quota(struct azure_machine *m, enum azure_kind kind, const struct azure_answer *a)
{
    bool is_write = kind == AZURE_WRITE;
    if (!a->has_remaining || kind == AZURE_TOKEN)
        return;
    azure_bucket_heed(m->cfg.bucket, is_write, a->remaining);
    *(is_write ? &m->status.remaining_writes : &m->status.remaining_reads) = a->remaining;
}

void azure_machine_answer(struct azure_machine *m, const struct azure_answer *a, uint64_t now_ms)
{
    static void (*const handlers[AZURE_KINDS])(struct azure_machine *, const struct azure_answer *,
                                               uint64_t) = {
        [AZURE_TOKEN] = on_token,
        [AZURE_READ] = on_read,
        [AZURE_WRITE] = on_write,
        [AZURE_POLL] = on_poll,
    };
    enum azure_kind kind = (enum azure_kind)m->in_flight;
    m->in_flight = AZURE_NONE;
    azure_request_fini(&m->request);
    heed_quota(m, kind, a);
    handlers[kind](m, a, now_ms);
}
