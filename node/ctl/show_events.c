/* events [-f]: what happened, oldest first. */
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

int verb_events(const struct ctl *c)
{
    json_t *page;
    size_t i;
    const json_t *event;
    if (!ctl_takes(c, 0, 0, "events [-f]"))
        return CTL_USAGE;
    if (c->follow)
        return client_follow(c, "/v1/events?after=0",
                             ctl_wants_json(c) ? print_event_json : print_event);
    int code = client_get(c, "/v1/events", &page);
    if (code)
        return code;
    if (ctl_wants_json(c))
        code = ctl_print_json(c, page);
    else
        json_array_foreach(json_at(page, "items"), i, event) print_event(event);
    json_decref(page);
    return code;
}
