#include "node/targets/azure.h"

#include <stdlib.h>

#include "node/base/memory.h"

enum { ANSWER_MAX = 8 << 20 };

struct azure {
    struct azure_cfg cfg;
    struct azure_machine *machine;
    struct http_client *http;
    uv_timer_t timer;
};

static void wake(struct azure *a)
{
    a->cfg.on_change(a->cfg.machine.data);
}

static void on_timer(uv_timer_t *timer)
{
    wake(timer->data);
}

/* The resource manager counts by subscription, all its instances, tenant and resource; reads and writes
 * apart, and an answer names only what its request counted in. */
static bool read_remaining(const struct http_answer *h, uint32_t *out)
{
    static const char *const names[] = {
        "x-ms-ratelimit-remaining-subscription-reads",
        "x-ms-ratelimit-remaining-subscription-writes",
        "x-ms-ratelimit-remaining-subscription-global-reads",
        "x-ms-ratelimit-remaining-subscription-global-writes",
        "x-ms-ratelimit-remaining-tenant-reads",
        "x-ms-ratelimit-remaining-tenant-writes",
        "x-ms-ratelimit-remaining-subscription-resource-requests",
    };
    *out = UINT32_MAX;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *end;
        const char *text = http_answer_header(h, names[i]);
        unsigned long left = text ? strtoul(text, &end, 10) : UINT32_MAX;
        if (text && end != text && left < *out)
            *out = (uint32_t)left;
    }
    return *out != UINT32_MAX;
}

static void on_done(void *data, const struct http_answer *h)
{
    struct azure *a = data;
    uint32_t remaining;
    const struct azure_answer answer = {
        .has_remaining = read_remaining(h, &remaining),
        .remaining = remaining,
        .outcome = (uint8_t)h->outcome,
        .status = h->status,
        .was_sent = h->was_sent,
        .error = h->error,
        .retry_after_s = http_answer_retry_s(h),
        .operation = http_answer_header(h, "Azure-AsyncOperation"),
        .body = h->body,
        .len = h->len,
    };
    azure_machine_answer(a->machine, &answer, a->cfg.now());
    wake(a);
}

static void send_request(struct azure *a, const struct azure_request *q, uint64_t now_ms)
{
    const struct http_call call = { .method = q->method,
                                    .url = q->url,
                                    .headers = (const char *const *)q->headers,
                                    .body = q->body,
                                    .len = q->len,
                                    .timeout_ms = q->timeout_ms,
                                    .answer_max = ANSWER_MAX,
                                    .on_done = on_done,
                                    .data = a };
    if (http_request_new(a->http, &call))
        return;
    const struct azure_answer failed = { .outcome = HTTP_UNREACHABLE,
                                         .error = "the request could not be made" };
    azure_machine_answer(a->machine, &failed, now_ms);
}

void azure_turn(struct azure *a, uint64_t now_ms)
{
    const struct azure_request *q = azure_machine_next(a->machine, now_ms);
    if (q)
        send_request(a, q, now_ms);
    uint64_t due = azure_machine_deadline(a->machine);
    if (due == UINT64_MAX)
        uv_timer_stop(&a->timer);
    else
        uv_timer_start(&a->timer, on_timer, due > now_ms ? due - now_ms : 1, 0);
}

void azure_status(const struct azure *a, struct azure_status *out)
{
    azure_machine_status(a->machine, out);
}

struct azure *azure_new(const struct azure_cfg *cfg)
{
    struct azure *a = memory_new(1, sizeof *a);
    const struct http_client_cfg http = { .loop = cfg->loop, .ca_file = cfg->ca_file };
    a->cfg = *cfg;
    a->machine = azure_machine_new(&cfg->machine, cfg->now());
    a->http = http_client_new(&http);
    if (!a->http)
        abort();
    uv_timer_init(cfg->loop, &a->timer);
    a->timer.data = a;
    return a;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void azure_free(struct azure *a)
{
    if (!a)
        return;
    http_client_free(a->http);
    azure_machine_free(a->machine);
    uv_close((uv_handle_t *)&a->timer, on_closed);
}
