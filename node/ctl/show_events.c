/* events [-f] [--since AGO|TIME]: what happened, oldest first. */
#include <stdio.h>
#include <string.h>

#include "node/ctl/client.h"
#include "node/ctl/table.h"

static void print_event(const json_t *event)
{
    const char *key;
    json_t *value;
    printf("%s %-5s %s", json_text_at(event, "time"), json_text_at(event, "level"),
           json_text_at(event, "event"));
    if (json_text_at(event, "subject")[0])
        printf(" %s", json_text_at(event, "subject"));
    json_object_foreach(json_object_get(event, "fields"), key, value)
    {
        const char *text = json_string_value(value);
        bool is_quoted = strchr(text, ' ') != NULL;
        printf(" %s=%s%s%s", key, is_quoted ? "\"" : "", text, is_quoted ? "\"" : "");
    }
    putchar('\n');
    fflush(stdout);
}

static void print_event_json(const json_t *event)
{
    json_dumpf(event, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
}

/* All that there is since then; *head is the sequence number of the newest. */
static int print_since(const struct ctl *c, void (*show)(const json_t *event), json_int_t *head)
{
    char path[256] = "/v1/events?";
    json_t *page;
    size_t i;
    const json_t *event;
    if (c->since) {
        client_param(path, sizeof path, "limit", "1024"); /* so many are kept */
        client_param(path, sizeof path, "since", c->since);
    }
    int code = client_get(c, path, &page);
    if (code)
        return code;
    *head = json_integer_value(json_at(page, "revision"));
    const json_t *items = json_at(page, "items");
    if (ctl_wants_json(c) && !c->follow)
        code = ctl_print_json(c, page);
    else if (!json_array_size(items) && !c->follow)
        puts("none");
    else
        json_array_foreach(items, i, event) show(event);
    json_decref(page);
    return code;
}

int verb_events(const struct ctl *c)
{
    void (*show)(const json_t *event) = ctl_wants_json(c) ? print_event_json : print_event;
    char path[64];
    json_int_t head = 0;
    if (!ctl_takes(c, 0, 0, "events [-f] [--since AGO|TIME]"))
        return CTL_USAGE;
    int code = c->follow && !c->since ? CTL_OK : print_since(c, show, &head);
    if (code || !c->follow)
        return code;
    snprintf(path, sizeof path, "/v1/events?after=%" JSON_INTEGER_FORMAT, head);
    return client_follow(c, path, show);
}
