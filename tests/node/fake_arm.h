/* A resource manager in memory, for tests of the azure machine in virtual time: one table, If-Match,
 * provisioning that takes its time, faults by order or by chance. It judges every write that it accepts:
 * what others put there must be in it to the letter, and epochs of the fence never fall.
 * (deploy/lab/arm.py is the same over HTTPS, for the programs.) */
#ifndef TANDEM_TESTS_FAKE_ARM_H
#define TANDEM_TESTS_FAKE_ARM_H

#include <stdlib.h>

#include "node/targets/azure_internal.h"
#include "tests/node/azure.h"

#define FAKE_ENDPOINT "https://arm.test"
#define FAKE_ID "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/routeTables/rt"

enum fake_fault {
    FAKE_FINE,
    FAKE_401,
    FAKE_403,
    FAKE_404,
    FAKE_409,
    FAKE_412,
    FAKE_429,
    FAKE_500,
    FAKE_503,
    FAKE_302,
    FAKE_HANG,      /* no answer, nothing done */
    FAKE_LOST,      /* done, no answer */
    FAKE_REFUSED,   /* connection */
    FAKE_UNTRUSTED,
    FAKE_MALFORMED,
    FAKE_HTML,
    FAKE_EMPTY,
    FAKE_FAILS, /* accepted, and the operation ends Failed */
    FAKE_FAULTS,
};

struct fake_arm {
    json_t *document; /* NULL: deleted */
    json_t *foreign;  /* what a write must keep: the document without what is ours */
    unsigned etag, operations;
    uint64_t until_ms, provisioning_ms; /* a write under way ends; how long one takes */
    bool will_fail;
    bool has_lost_fence; /* once: who remembers it begins above it */
    bool moves; /* somebody changes the table after every reading */
    bool hides_operations; /* as from who has a role on the table only */
    uint64_t seed;
    unsigned chance; /* of a fault, in thousandths */
    enum fake_fault next[FAKE_FAULTS]; /* in this order, before chance */
    size_t next_count;
    unsigned limit;
    bool counts; /* answers say how many requests of the kind are left */
    uint32_t remaining;
    /* what was seen */
    unsigned faults, writes, reads, polls, tokens;
    uint64_t epoch, owner; /* owner: hash of the rest of the tag up to the beat */
    char complaint[200];   /* "" = every write was right */
};

struct fake_reply {
    struct azure_answer answer; /* its strings are the reply's */
    char *body;
    char operation[128];
    uint64_t delay_ms; /* of the answer */
};

static inline uint32_t fake_chance(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

/* The document without what is ours, or the resource manager's own. */
static inline json_t *fake_foreign_part(const json_t *document)
{
    json_t *copy = json_deep_copy(document), *properties = json_object_get(copy, "properties");
    json_t *routes = json_object_get(properties, "routes"), *kept = json_array(), *route;
    size_t i;
    json_array_foreach(routes, i, route)
    {
        if (strncmp(json_string_value(json_object_get(route, "name")), "tandem-", 7) == 0)
            continue;
        json_object_del(route, "etag");
        json_object_del(json_object_get(route, "properties"), "provisioningState");
        json_object_del(json_object_get(route, "properties"), "hasBgpOverride");
        json_array_append(kept, route);
    }
    json_object_set_new(properties, "routes", kept);
    json_object_del(properties, "provisioningState");
    json_object_del(properties, "resourceGuid");
    json_object_del(properties, "subnets");
    json_object_del(copy, "etag");
    json_object_del(json_object_get(copy, "tags"), "tandem-fence");
    return copy;
}

static inline void fake_new_etag(struct fake_arm *a)
{
    char text[32];
    snprintf(text, sizeof text, "W/\"%u\"", ++a->etag);
    json_object_set_new(a->document, "etag", json_string(text));
}

/* What stands there now is what others want there. */
static inline void fake_accept_foreign(struct fake_arm *a)
{
    json_decref(a->foreign);
    a->foreign = fake_foreign_part(a->document);
    fake_new_etag(a);
}

static inline void fake_arm_init(struct fake_arm *a, const char *table)
{
    *a = (struct fake_arm){ .provisioning_ms = 300, .seed = 1, .limit = 400 };
    a->document = json_loads(table, 0, NULL);
    assert(a->document);
    fake_accept_foreign(a);
}

static inline void fake_arm_fini(struct fake_arm *a)
{
    json_decref(a->document);
    json_decref(a->foreign);
}

static inline void fake_set_state(struct fake_arm *a, const char *state)
{
    json_object_set_new(json_object_get(a->document, "properties"), "provisioningState",
                        json_string(state));
}

static inline void fake_settle(struct fake_arm *a, uint64_t now_ms)
{
    if (!a->until_ms || now_ms < a->until_ms || !a->document)
        return;
    a->until_ms = 0;
    fake_set_state(a, a->will_fail ? "Failed" : "Succeeded");
    a->will_fail = false;
    fake_new_etag(a);
}

static inline void fake_complain(struct fake_arm *a, const char *text, const char *more)
{
    if (!*a->complaint)
        snprintf(a->complaint, sizeof a->complaint, "%s: %.150s", text, more);
}

static inline void fake_judge_fence(struct fake_arm *a, const json_t *sent)
{
    const char *tag =
        json_string_value(json_object_get(json_object_get(sent, "tags"), "tandem-fence"));
    char cluster[64], owner[64];
    unsigned long long epoch, incarnation, beat;
    if (!tag || sscanf(tag, "%63[^;];%llu;%63[^;];%llu;%llu", cluster, &epoch, owner, &incarnation,
                       &beat) != 5) {
        fake_complain(a, "a write without a fence", tag ? tag : "none");
        return;
    }
    uint64_t who = incarnation;
    for (const char *c = owner; *c; c++)
        who = who * 257 + (unsigned char)*c;
    if (epoch < a->epoch)
        fake_complain(a, "the epoch fell", tag);
    if (epoch == a->epoch && who != a->owner)
        fake_complain(a, "two owners in one epoch", tag);
    if (a->epoch && epoch > a->epoch + 1 && !a->has_lost_fence)
        fake_complain(a, "the epoch jumped", tag);
    a->epoch = epoch;
    a->owner = who;
}

static inline void fake_answer(struct fake_reply *r, uint16_t status, char *take_body)
{
    r->answer.outcome = HTTP_ANSWERED;
    r->answer.status = status;
    r->body = take_body;
    r->answer.body = take_body ? take_body : "";
    r->answer.len = take_body ? strlen(take_body) : 0;
}

static inline void fake_refuse(struct fake_reply *r, uint16_t status, const char *code)
{
    char *text;
    if (asprintf(&text, "{\"error\":{\"code\":\"%s\",\"message\":\"asked for\"}}", code) < 0)
        abort();
    fake_answer(r, status, text);
}

static inline const char *fake_header(const struct azure_request *q, const char *name)
{
    for (char *const *h = q->headers; *h; h++)
        if (strncmp(*h, name, strlen(name)) == 0)
            return *h + strlen(name);
    return "";
}

static inline void fake_put(struct fake_arm *a, const struct azure_request *q, uint64_t now_ms,
                            struct fake_reply *r)
{
    json_t *sent = json_loadb(q->body, q->len, 0, NULL);
    const char *etag = json_string_value(json_object_get(a->document, "etag"));
    size_t count =
        json_array_size(json_object_get(json_object_get(sent, "properties"), "routes"));
    if (strcmp(fake_header(q, "If-Match: "), etag) != 0) {
        fake_refuse(r, 412, "PreconditionFailedEtagMismatch");
    } else if (a->until_ms) {
        fake_refuse(r, a->etag % 2 ? 409 : 429, "AnotherOperationInProgress");
        r->answer.retry_after_s = 1;
    } else if (count > a->limit) {
        char *text;
        if (asprintf(&text, "{\"error\":{\"code\":\"RoutesLimit\",\"message\":\"not more than %u\"}}",
                     a->limit) < 0)
            abort();
        fake_answer(r, 400, text);
    } else {
        json_t *theirs = fake_foreign_part(sent);
        if (!json_equal(theirs, a->foreign))
            fake_complain(a, "what others put there was changed", q->body);
        json_decref(theirs);
        fake_judge_fence(a, sent);
        json_decref(a->document);
        a->document = json_incref(sent);
        a->writes++;
        a->until_ms = now_ms + a->provisioning_ms;
        fake_set_state(a, "Updating");
        fake_new_etag(a);
        snprintf(r->operation, sizeof r->operation, FAKE_ENDPOINT "/operations/%u?api-version=1",
                 ++a->operations);
        r->answer.operation = r->operation;
        fake_answer(r, 200, json_dumps(a->document, JSON_COMPACT));
    }
    json_decref(sent);
}

static inline void fake_poll(struct fake_arm *a, const struct azure_request *q,
                             struct fake_reply *r)
{
    const char *state = "Succeeded";
    unsigned number = (unsigned)strtoul(strstr(q->url, "/operations/") + 12, NULL, 10);
    a->polls++;
    if (a->hides_operations) {
        fake_refuse(r, 403, "AuthorizationFailed");
        return;
    }
    if (number == a->operations && a->document)
        state = json_string_value(json_object_get(json_object_get(a->document, "properties"),
                                                  "provisioningState"));
    char *text;
    if (asprintf(&text, "{\"status\":\"%s\"%s}", strcmp(state, "Updating") ? state : "InProgress",
                 strcmp(state, "Failed")
                     ? ""
                     : ",\"error\":{\"code\":\"InternalServerError\",\"message\":\"x\"}") < 0)
        abort();
    fake_answer(r, 200, text);
}

static inline void fake_serve(struct fake_arm *a, const struct azure_request *q, uint64_t now_ms,
                              struct fake_reply *r)
{
    if (strstr(q->url, "/metadata/identity/")) {
        a->tokens++;
        fake_answer(r, 200, strdup("{\"access_token\":\"t\",\"expires_in\":\"3600\"}"));
    } else if (strncmp(q->url, FAKE_ENDPOINT "/", sizeof FAKE_ENDPOINT) != 0) {
        fake_complain(a, "a request to somebody else", q->url);
        fake_refuse(r, 404, "Stolen");
    } else if (strstr(q->url, "/operations/")) {
        fake_poll(a, q, r);
    } else if (!a->document || !strstr(q->url, FAKE_ID "?api-version=")) {
        fake_refuse(r, 404, "ResourceNotFound");
    } else if (strcmp(q->method, "PUT") == 0) {
        fake_put(a, q, now_ms, r);
    } else {
        a->reads++;
        fake_answer(r, 200, json_dumps(a->document, JSON_COMPACT));
        if (a->moves)
            fake_new_etag(a);
    }
}

static inline void fake_fail(struct fake_reply *r, uint8_t outcome, bool was_sent)
{
    r->answer = (struct azure_answer){ .outcome = outcome, .was_sent = was_sent, .error = "asked for" };
}

/* The fault instead of, or after, the right answer. */
static inline void fake_harm(enum fake_fault fault, struct fake_reply *r)
{
    static const uint16_t statuses[FAKE_FAULTS] = { [FAKE_401] = 401, [FAKE_403] = 403,
                                                    [FAKE_404] = 404, [FAKE_409] = 409,
                                                    [FAKE_412] = 412, [FAKE_429] = 429,
                                                    [FAKE_500] = 500, [FAKE_503] = 503,
                                                    [FAKE_302] = 302 };
    if (statuses[fault])
        fake_refuse(r, statuses[fault], "AskedFor");
    if (fault == FAKE_429)
        r->answer.retry_after_s = 3;
    if (fault == FAKE_MALFORMED)
        fake_answer(r, 200, strdup("{\"properties\":{\"routes\":[{"));
    if (fault == FAKE_HTML)
        fake_answer(r, 200, strdup("<html>proxy</html>"));
    if (fault == FAKE_EMPTY)
        fake_answer(r, 200, NULL);
    if (fault == FAKE_HANG || fault == FAKE_LOST)
        fake_fail(r, HTTP_TIMED_OUT, true);
    if (fault == FAKE_REFUSED)
        fake_fail(r, HTTP_UNREACHABLE, false);
    if (fault == FAKE_UNTRUSTED)
        fake_fail(r, HTTP_UNTRUSTED, false);
}

/* A request arrives. The reply's memory is the caller's: free(body). */
static inline void fake_arm_take(struct fake_arm *a, const struct azure_request *q, uint64_t now_ms,
                                 struct fake_reply *r)
{
    enum fake_fault fault = FAKE_FINE;
    *r = (struct fake_reply){ 0 };
    fake_settle(a, now_ms);
    if (a->next_count) {
        fault = a->next[0];
        memmove(a->next, a->next + 1, --a->next_count * sizeof *a->next);
    } else if (fake_chance(&a->seed, 1000) < a->chance) {
        fault = (enum fake_fault)(1 + fake_chance(&a->seed, FAKE_FAULTS - 1));
    }
    a->faults += fault != FAKE_FINE;
    if (fault == FAKE_FAILS && strcmp(q->method, "PUT") == 0)
        a->will_fail = true;
    if (fault == FAKE_FINE || fault == FAKE_LOST || fault == FAKE_FAILS)
        fake_serve(a, q, now_ms, r);
    if (fault != FAKE_FINE && fault != FAKE_FAILS) {
        free(r->body);
        r->body = NULL;
        fake_harm(fault, r);
    }
    r->answer.has_remaining = a->counts;
    r->answer.remaining = a->remaining;
    r->delay_ms = fault == FAKE_HANG || fault == FAKE_LOST ? q->timeout_ms : 0;
}

#endif
