/* /livez, /readyz and /healthz: 200 or 503 and plain text, for machines that read the code alone and
 * for people who add ?verbose. ?exclude=NAME,NAME leaves checks out. The loss of another node never makes this one
 * unready. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/api/params.h"
#include "node/api/reply.h"

/* ?exclude=converged,programming: checks that do not count for who asks. */
static bool is_excluded(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
            return true;
    }
    return false;
}

static void exclude(struct core_check *checks, size_t count, const char *list)
{
    for (size_t i = 0; i < count; i++)
        if (is_excluded(list, checks[i].name)) {
            checks[i].ok = true;
            snprintf(checks[i].detail, sizeof checks[i].detail, "excluded: ");
        } else if (checks[i].ok) {
            checks[i].detail[0] = 0;
        }
}

static void print_checks(FILE *text, const struct core_check *checks, size_t count, bool verbose)
{
    for (size_t i = 0; i < count; i++) {
        if (!checks[i].ok)
            fprintf(text, "[-]%s failed: %s\n", checks[i].name, checks[i].detail);
        else if (verbose)
            fprintf(text, "[+]%s %sok\n", checks[i].name, checks[i].detail);
    }
}

static bool are_ok(const struct core_check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!checks[i].ok)
            return false;
    return true;
}

static void answer(const struct api_request *q, struct api_reply *out, struct core_check *checks, size_t count,
                   bool open)
{
    char *body = NULL;
    size_t len = 0;
    bool verbose = api_param(q, "verbose") != NULL;
    FILE *text = open_memstream(&body, &len);
    if (!text)
        abort();
    exclude(checks, count, api_param(q, "exclude"));
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
    snprintf(loop.detail, sizeof loop.detail, "no turn of the loop within the last two seconds");
    answer(q, out, &loop, 1, false);
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
    answer(q, out, checks, count, mode && !is_other_steady(v));
}
