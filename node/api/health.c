/* /livez, /readyz and /healthz: 200 or 503 and plain text, for machines that read the code alone and
 * for people who add ?verbose. The loss of another node never makes this one unready. */
#include <stdio.h>
#include <stdlib.h>

#include "node/api/params.h"
#include "node/api/reply.h"

static void print_checks(FILE *text, const struct core_check *checks, size_t count, bool verbose)
{
    for (size_t i = 0; i < count; i++) {
        if (!checks[i].ok)
            fprintf(text, "[-]%s failed: %s\n", checks[i].name, checks[i].detail);
        else if (verbose)
            fprintf(text, "[+]%s ok\n", checks[i].name);
    }
}

static bool are_ok(const struct core_check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!checks[i].ok)
            return false;
    return true;
}

static void answer(struct api_reply *out, const struct core_check *checks, size_t count,
                   bool verbose, bool open)
{
    char *body = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&body, &len);
    if (!text)
        abort();
    bool ok = are_ok(checks, count);
    print_checks(text, checks, count, verbose);
    if (ok || open || verbose)
        fputs(ok ? "ok\n" : open ? "degraded\n" : "failed\n", text);
    fclose(text);
    reply_text(out, ok || open ? 200 : 503, "text/plain; charset=utf-8", body, len);
}

void api_livez(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    struct core_check loop = { .name = "loop", .ok = core_is_live(v->core, v->now_ms) };
    snprintf(loop.detail, sizeof loop.detail, "no turn of the loop within the last second");
    answer(out, &loop, 1, api_param(q, "verbose") != NULL, false);
}

/* Is some other node known to serve? */
static bool is_other_steady(const struct api_view *v)
{
    for (size_t i = 0; i < core_node_count(v->core); i++) {
        struct core_node_view n;
        core_node_view(v->core, i, v->now_ms, &n);
        if (!n.is_self && n.state == REPL_MEMBER_ALIVE && n.steady)
            return true;
    }
    return false;
}

/* ?fail=open: a balancer that would rather have a degraded node than none. */
void api_readyz(const struct api_view *v, const struct api_request *q, struct api_reply *out)
{
    static const char *const modes[] = { "closed", "open", NULL };
    unsigned mode = 0;
    struct core_check checks[CORE_CHECKS_MAX];
    if (!api_word(q, "fail", modes, &mode, out))
        return;
    size_t count = core_readiness(v->core, v->now_ms, checks);
    answer(out, checks, count, api_param(q, "verbose") != NULL, mode && !is_other_steady(v));
}
