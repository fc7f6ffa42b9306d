/* route list, route explain. */
#include <stdio.h>
#include <string.h>

#include "node/ctl/cells.h"
#include "node/ctl/client.h"
#include "node/ctl/list.h"

static bool is_set(const json_t *row, const char *path)
{
    return json_is_true(json_at(row, path));
}

static void marks_of(const json_t *row, char cell[static CELL_TEXT])
{
    snprintf(cell, CELL_TEXT, "%s%s%s%s", is_set(row, "best") ? "*" : " ",
             is_set(row, "programmed") ? "=" : " ",
             json_is_string(json_at(row, "filteredBy")) ? "!" : "", is_set(row, "stale") ? "s" : "");
}

/* "65010 65099 {65001,65002}" */
static size_t print_path(const json_t *list, const char *between, char *text, size_t cap)
{
    size_t i, len = 0;
    const json_t *as;
    text[0] = 0;
    json_array_foreach(list, i, as)
    {
        char set[CELL_TEXT / 2], one[CELL_TEXT];
        if (json_is_array(as)) {
            print_path(as, ",", set, sizeof set);
            snprintf(one, sizeof one, "{%s}", set);
        } else {
            snprintf(one, sizeof one, "%lld", (long long)json_integer_value(as));
        }
        if (len < cap)
            len += (size_t)snprintf(text + len, cap - len, "%s%s", i ? between : "", one);
    }
    return len;
}

void cell_path(const json_t *row, char cell[static CELL_TEXT])
{
    print_path(json_at(row, "asPath"), " ", cell, CELL_TEXT);
}

void cell_origin(const json_t *row, char cell[static CELL_TEXT])
{
    const char *origin = json_text_at(row, "origin");
    snprintf(cell, CELL_TEXT, "%s", !strcmp(origin, "incomplete") ? "?" : origin);
}

void cell_names(const json_t *list, char cell[static CELL_TEXT])
{
    size_t i, len = 0;
    const json_t *name;
    cell[0] = 0;
    json_array_foreach(list, i, name)
    {
        if (len < CELL_TEXT)
            len += (size_t)snprintf(cell + len, CELL_TEXT - len, "%s%s", i ? ", " : "",
                                    json_string_value(name));
    }
}

void cell_communities(const json_t *row, char cell[static CELL_TEXT])
{
    cell_names(json_at(row, "communities"), cell);
}

static const struct column columns[] = {
    { .title = "", .kind = COLUMN_MADE, .make = marks_of },
    { .title = "PREFIX", .path = "prefix" },
    { .title = "NEXT HOP", .path = "nextHop" },
    { .title = "FROM", .path = "peer" },
    { .title = "NODE", .path = "node" },
    { .title = "AS PATH", .kind = COLUMN_MADE, .make = cell_path },
    { .title = "MED", .path = "med", .is_right = true },
    { .title = "ORIGIN", .kind = COLUMN_MADE, .make = cell_origin },
    { .title = "COMMUNITIES",
      .kind = COLUMN_MADE,
      .make = cell_communities,
      .is_wide_only = true },
    { .title = "CLASS", .path = "class", .is_wide_only = true },
    { .title = "AGE", .path = "ageSeconds", .kind = COLUMN_AGE, .is_right = true },
    { .title = "WHY", .path = "selectionReason" },
};

/* What these columns show, and what a list is ordered by: of very many routes the rest would cost much, for nobody. */
#define ROUTE_MEMBERS "prefix,nextHop,peer,node,asPath,origin,med,best,programmed,stale,filteredBy,selectionReason,ageSeconds"

int verb_route_list(const struct ctl *c)
{
    static const struct list_form form = LIST_FORM(columns, "* best  = programmed  ! filtered  s stale");
    char path[1024] = "/v1/routes?limit=1000&";
    size_t shown;
    if (!ctl_takes(c, 0, 2, "route list [PREFIX [longer|shorter|lpm]] [--peer NAME] [--best] [--filtered]"))
        return CTL_USAGE;
    if (c->argc > 0)
        client_param(path, sizeof path, "prefix", c->argv[0]);
    if (c->argc > 1)
        client_param(path, sizeof path, "match", c->argv[1]);
    if (c->peer)
        client_param(path, sizeof path, "peer", c->peer);
    if (c->best)
        client_param(path, sizeof path, "best", "true");
    if (c->filtered)
        client_param(path, sizeof path, "state", "filtered");
    if (!ctl_wants_json(c))
        client_param(path, sizeof path, "members", c->output == CTL_WIDE ? ROUTE_MEMBERS ",class,communities" : ROUTE_MEMBERS);
    int code = list_print(c, path, &form, &shown);
    if (code || shown)
        return code;
    if (c->argc)
        return ctl_fail(CTL_NO_SUCH, "no route for %s; `route explain` looks for one that covers it", c->argv[0]);
    if (!ctl_wants_json(c))
        puts("none");
    return CTL_OK;
}

/* ---- explain ---- */

static void explain_path(const json_t *path)
{
    char text[CELL_TEXT], against[CELL_TEXT];
    const json_t *received = json_at(path, "received"); /* where a route map has edited it */
    bool is_accepted = !strcmp(json_text_at(path, "policy.verdict"), "accepted");
    cell_path(received ? received : path, text);
    const char *next_hop = json_text_at(path, "nextHop");
    printf("\nreceived       %s: from %s via %s, path %s, origin %s\n", json_text_at(path, "node"),
           json_text_at(path, "peer"), next_hop[0] ? next_hop : "self", text[0] ? text : "(empty)",
           json_text_at(path, "origin"));
    const char *policy = json_text_at(path, "policy.text"), *verdict = json_text_at(path, "policy.verdict");
    if (is_accepted && policy[0])
        printf("policy         %s\n", policy);
    else
        printf("policy         %s%s%s\n", verdict, policy[0] ? ": " : "", policy);
    cell_names(json_at(path, "selected.against"), against);
    const char *chosen = is_set(path, "selected.best")        ? "yes"
                         : is_set(path, "selected.multipath") ? "shares"
                                                              : "no";
    printf("selected       %s - %s%s%s%s\n", chosen, json_text_at(path, "selected.reason"),
           against[0] ? " (" : "", against, against[0] ? ")" : "");
    cell_names(json_at(path, "advertisedTo"), text);
    printf("advertised to  %s\n", text[0]                ? text
                                  : is_set(path, "best") ? "none"
                                                         : "none (not best)");
}

static void explain_target(const json_t *target)
{
    char wanted[CELL_TEXT], installed[CELL_TEXT];
    cell_names(json_at(target, "wanted"), wanted);
    cell_names(json_at(target, "installed"), installed);
    printf("programmed     %s: %s", json_text_at(target, "target"), json_text_at(target, "state"));
    if (json_text_at(target, "text")[0])
        printf(" - %s", json_text_at(target, "text"));
    if (installed[0])
        printf(" - has via %s", installed);
    if (strcmp(wanted, installed) && wanted[0])
        printf(" - wants via %s", wanted);
    putchar('\n');
}

static void print_explanation(const json_t *answer)
{
    size_t i;
    const json_t *item;
    const char *prefix = json_text_at(answer, "prefix"), *query = json_text_at(answer, "query");
    printf("%s%s%s\n", prefix, strcmp(prefix, query) ? ", the longest match of " : "",
           strcmp(prefix, query) ? query : "");
    json_array_foreach(json_at(answer, "paths"), i, item) explain_path(item);
    putchar('\n');
    json_array_foreach(json_at(answer, "programmed"), i, item) explain_target(item);
}

int verb_route_explain(const struct ctl *c)
{
    char path[512] = "/v1/routes/explain?";
    json_t *answer;
    if (!ctl_takes(c, 1, 1, "route explain PREFIX [--peer NAME]"))
        return CTL_USAGE;
    client_param(path, sizeof path, "prefix", c->argv[0]);
    if (c->peer)
        client_param(path, sizeof path, "peer", c->peer);
    int code = client_get(c, path, &answer);
    if (code)
        return code;
    if (ctl_wants_json(c))
        code = ctl_print_json(c, answer);
    else
        print_explanation(answer);
    json_decref(answer);
    return code;
}
