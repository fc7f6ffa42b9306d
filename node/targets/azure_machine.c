/* What comes next, in this order: a token, the end of a running operation, a reading that somebody needs
 * (we, or the fence), the fence's own step, content, and a reading because it is time. */
#include "node/targets/azure_internal.h"

#include <stdio.h>
#include <string.h>

enum {
    FRESH_MS = 1000,        /* a takeover compares what was read no longer ago */
    QUIET_MS = 50,          /* a burst of changes has ended */
    BURST_MS = 500,         /* and is not waited for longer */
};

#define NAME(name, word, text) word,
static const char *const state_names[] = { AZURE_STATE_MAP(NAME) };
#define TEXT(name, word, text) text,
static const char *const state_texts[] = { AZURE_STATE_MAP(TEXT) };

const char *azure_state_name(uint8_t state)
{
    return state < AZURE_STATES ? state_names[state] : "unknown";
}

static const char *state_text(uint8_t state)
{
    return state < AZURE_STATES ? state_texts[state] : "";
}

/* ---- life ---- */

struct azure_machine *azure_machine_new(const struct azure_machine_cfg *cfg, uint64_t now_ms)
{
    struct azure_machine *m = memory_new(1, sizeof *m);
    m->cfg = *cfg;
    m->table.sets = cfg->sets;
    m->has_ecmp = strcmp(cfg->api_version, AZURE_ECMP_VERSION) >= 0;
    m->limit = cfg->max_routes;
    m->jitter = cfg->seed | 1;
    m->status.since_ms = m->read_ms = now_ms;
    m->status.remaining_reads = m->status.remaining_writes = UINT32_MAX;
    m->must_read = true;
    return m;
}

void azure_machine_free(struct azure_machine *m)
{
    if (!m)
        return;
    azure_give_back(m, m->read_ms);
    azure_request_fini(&m->request);
    azure_table_fini(&m->table);
    azure_forget_token(m);
    free(m->operation);
    free(m->ops);
    free(m->mine);
    free(m);
}

void azure_machine_status(const struct azure_machine *m, struct azure_status *out)
{
    *out = m->status;
    out->limit = m->limit;
    out->routes = (uint32_t)m->table.count;
    out->foreign_routes = (uint32_t)m->table.others;
    out->next_try_ms = m->not_before[AZURE_WRITE] > m->not_before[AZURE_READ]
                           ? m->not_before[AZURE_WRITE]
                           : m->not_before[AZURE_READ];
}

void azure_forget_token(struct azure_machine *m)
{
    if (m->token)
        explicit_bzero(m->token, strlen(m->token));
    free(m->token);
    m->token = NULL;
}

/* ---- states ---- */

void azure_set_state(struct azure_machine *m, enum azure_state state, const char *text,
                     uint64_t now_ms)
{
    bool is_good = state <= AZURE_STANDBY, is_new = state != m->status.state;
    snprintf(m->status.error, sizeof m->status.error, "%s",
             is_good ? ""
             : *text ? text
                     : state_text((uint8_t)state));
    m->status.state = (uint8_t)state;
    if (!is_new)
        return;
    m->status.since_ms = now_ms;
    if (m->cfg.on_event && state != AZURE_WORKING)
        m->cfg.on_event(m->cfg.data, azure_state_name((uint8_t)state), is_good, m->status.error);
}

/* ---- pace ---- */

enum { WRITES_MAX = 100, READS_MAX = 200, WRITES_S = 3, READS_S = 20 };

/* Below the provider's 1,000 writes and 10,000 reads in five minutes for a region and subscription,
 * which a pair of nodes shares; bursts below the resource manager's 200 and 250. */
void azure_bucket_init(struct azure_bucket *b, uint64_t now_ms)
{
    *b = (struct azure_bucket){ WRITES_MAX * 1000, READS_MAX * 1000, now_ms };
}

static uint64_t refilled(uint64_t level, uint64_t per_s, uint64_t most, uint64_t elapsed_ms)
{
    uint64_t all = level + per_s * elapsed_ms;
    return all < most * 1000 ? all : most * 1000;
}

static bool take_call(struct azure_bucket *b, bool is_write, uint64_t now_ms)
{
    uint64_t *level = is_write ? &b->writes : &b->reads;
    b->writes = refilled(b->writes, WRITES_S, WRITES_MAX, now_ms - b->at_ms);
    b->reads = refilled(b->reads, READS_S, READS_MAX, now_ms - b->at_ms);
    b->at_ms = now_ms;
    if (*level < 1000)
        return false;
    *level -= 1000;
    return true;
}

void azure_bucket_heed(struct azure_bucket *b, bool is_write, uint32_t remaining)
{
    uint64_t *level = is_write ? &b->writes : &b->reads, most = (uint64_t)remaining * 1000;
    *level = *level < most ? *level : most;
}

uint64_t azure_back_off(struct azure_machine *m, enum azure_kind kind, uint64_t least_ms,
                        uint64_t now_ms)
{
    unsigned tries = m->tries[kind] < 6 ? m->tries[kind] : 6;
    uint64_t wait = (uint64_t)AZURE_RETRY_MIN_MS << tries;
    wait = wait < AZURE_RETRY_MAX_MS ? wait : AZURE_RETRY_MAX_MS;
    m->jitter ^= m->jitter << 13;
    m->jitter ^= m->jitter >> 7;
    m->jitter ^= m->jitter << 17;
    wait += m->jitter % (wait / 4);
    m->tries[kind]++;
    m->not_before[kind] = now_ms + (wait > least_ms ? wait : least_ms);
    return wait;
}

static bool may_call(struct azure_machine *m, enum azure_kind kind, uint64_t now_ms)
{
    if (now_ms < m->not_before[kind])
        return false;
    if (take_call(m->cfg.bucket, kind == AZURE_WRITE, now_ms))
        return true;
    m->not_before[kind] = now_ms + 1000;
    azure_set_state(m, AZURE_THROTTLED, "our own limit on requests", now_ms);
    return false;
}

/* ---- requests ---- */

static const struct azure_request *dispatch(struct azure_machine *m, enum azure_kind kind)
{
    m->in_flight = (uint8_t)kind;
    return &m->request;
}

static void begin(struct azure_machine *m, const char *method, const char *url)
{
    m->request = (struct azure_request){ .method = method, .timeout_ms = m->cfg.timeout_ms };
    m->request.url = memory_copy_text(url);
    azure_request_header(&m->request, "Authorization: Bearer %s", m->token);
}

static void begin_on_table(struct azure_machine *m, const char *method)
{
    char url[1024];
    snprintf(url, sizeof url, "%s%s?api-version=%s", m->cfg.endpoint, m->cfg.resource_id,
             m->cfg.api_version);
    begin(m, method, url);
}

static const struct azure_request *ask_token(struct azure_machine *m, uint64_t now_ms)
{
    char error[AZURE_IDENTITY_ERROR];
    if (now_ms < m->not_before[AZURE_TOKEN])
        return NULL;
    azure_forget_token(m);
    if (azure_identity_request(&m->cfg.identity, &m->request, error))
        return dispatch(m, AZURE_TOKEN);
    azure_failed(m, AZURE_TOKEN, AZURE_NO_TOKEN, error, 0, now_ms);
    return NULL;
}

static const struct azure_request *ask_operation(struct azure_machine *m, uint64_t now_ms)
{
    if (now_ms < m->poll_due_ms || !may_call(m, AZURE_POLL, now_ms))
        return NULL;
    begin(m, "GET", m->operation);
    return dispatch(m, AZURE_POLL);
}

static const struct azure_request *ask_table(struct azure_machine *m, uint64_t now_ms)
{
    if (!may_call(m, AZURE_READ, now_ms))
        return NULL;
    m->status.reads++;
    begin_on_table(m, "GET");
    return dispatch(m, AZURE_READ);
}

static const struct azure_request *write_table(struct azure_machine *m)
{
    char tag[AZURE_TAG_MAX + 1];
    azure_fence_format(&m->cfg, &m->writing, m->beat, tag);
    begin_on_table(m, "PUT");
    azure_request_header(&m->request, "If-Match: %s", m->table.etag);
    azure_request_header(&m->request, "Content-Type: application/json");
    m->request.body = azure_table_write(&m->table, m->plan.routes, m->plan.count, tag);
    m->request.len = strlen(m->request.body);
    m->status.writes++;
    return dispatch(m, AZURE_WRITE);
}

/* ---- steps ---- */

/* Has the burst of changes ended? */
static bool is_quiet(struct azure_machine *m, uint64_t now_ms)
{
    const struct program_stats *s = program_stats(m->cfg.program);
    uint64_t look = (uint64_t)s->wanted << 32 | (s->pending + s->held_by_brake);
    if (program_deadline(m->cfg.program) > now_ms) {
        m->burst_ms = 0;
        return false;
    }
    if (!m->burst_ms || look != m->seen_work)
        m->quiet_ms = now_ms + QUIET_MS;
    if (!m->burst_ms)
        m->burst_ms = now_ms;
    m->seen_work = look;
    return now_ms >= m->quiet_ms || now_ms >= m->burst_ms + BURST_MS;
}

static const struct azure_request *write_as(struct azure_machine *m, uint64_t epoch,
                                            uint64_t incarnation, uint64_t now_ms)
{
    if (!may_call(m, AZURE_WRITE, now_ms))
        return NULL;
    m->writing = (struct repl_fence_record){ epoch, m->cfg.self, incarnation };
    return write_table(m);
}

static const struct azure_request *step_of_fence(struct azure_machine *m, uint64_t now_ms)
{
    if (m->cfg.fence->role == REPL_CANDIDATE && now_ms > m->status.last_read_ms + FRESH_MS)
        return ask_table(m, now_ms);
    switch (repl_fence_next(m->cfg.fence, now_ms)) {
    case REPL_FENCE_READ:
        m->must_read = true; /* whatever keeps it from happening at once */
        return ask_table(m, now_ms);
    case REPL_FENCE_TAKE:
        azure_gather(m, now_ms);
        m->is_taking = true;
        return write_as(m, repl_fence_next_epoch(m->cfg.fence), m->cfg.fence->incarnation, now_ms);
    case REPL_FENCE_BEAT:
        azure_gather(m, now_ms);
        m->beat++;
        return write_as(m, m->cfg.fence->epoch, m->cfg.fence->incarnation, now_ms);
    case REPL_FENCE_NOTHING:
        break;
    }
    return NULL;
}

static const struct azure_request *write_content(struct azure_machine *m, uint64_t now_ms)
{
    bool is_broken = m->table.provisioning == AZURE_FAILED;
    if (!repl_fence_may_write(m->cfg.fence) || (!is_quiet(m, now_ms) && !is_broken))
        return NULL;
    azure_gather(m, now_ms);
    if (!is_broken && !m->is_pending && azure_plan_is_done(&m->plan, &m->table)) {
        azure_settle(m, now_ms); /* as when what does not fit is tried again */
        return NULL;
    }
    return write_as(m, m->cfg.fence->epoch, m->cfg.fence->incarnation, now_ms);
}

/* The fence's step, or content; what was gathered for a write that may not be made goes back. */
static const struct azure_request *write_if_due(struct azure_machine *m, uint64_t now_ms)
{
    if (now_ms < m->not_before[AZURE_WRITE])
        return NULL;
    const struct azure_request *r = step_of_fence(m, now_ms);
    if (!r && !m->must_read)
        r = write_content(m, now_ms);
    if (!r)
        azure_give_back(m, now_ms);
    return r;
}

const struct azure_request *azure_machine_next(struct azure_machine *m, uint64_t now_ms)
{
    const struct azure_request *r = NULL;
    if (m->in_flight)
        return NULL;
    if (!m->token || now_ms >= m->token_until_ms)
        return ask_token(m, now_ms);
    if (m->operation)
        return ask_operation(m, now_ms);
    if (m->must_read || m->cfg.fence->must_read)
        return now_ms >= m->poll_due_ms ? ask_table(m, now_ms) : NULL;
    r = write_if_due(m, now_ms);
    if (!r && !m->must_read && now_ms >= m->read_ms + m->cfg.read_ms)
        r = ask_table(m, now_ms);
    return r;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t work_due(const struct azure_machine *m)
{
    uint64_t due = program_deadline(m->cfg.program);
    if (!repl_fence_may_write(m->cfg.fence))
        return UINT64_MAX;
    if (m->burst_ms)
        due = later(due, sooner(m->quiet_ms, m->burst_ms + BURST_MS));
    if (m->table.provisioning == AZURE_FAILED)
        due = 0;
    return later(due, m->not_before[AZURE_WRITE]);
}

uint64_t azure_machine_deadline(const struct azure_machine *m)
{
    if (m->in_flight)
        return UINT64_MAX;
    if (!m->token)
        return m->not_before[AZURE_TOKEN];
    if (m->operation)
        return later(m->poll_due_ms, m->not_before[AZURE_POLL]);
    if (m->must_read || m->cfg.fence->must_read)
        return later(m->poll_due_ms, m->not_before[AZURE_READ]);
    uint64_t fence = UINT64_MAX; /* its other steps fall due with its ticks */
    if (m->cfg.fence->role == REPL_CANDIDATE)
        fence = later(m->cfg.fence->candidate_at_ms,
                      later(m->not_before[AZURE_WRITE], m->not_before[AZURE_READ]));
    uint64_t reading = later(m->read_ms + m->cfg.read_ms, m->not_before[AZURE_READ]);
    return sooner(fence, sooner(work_due(m), reading));
}
