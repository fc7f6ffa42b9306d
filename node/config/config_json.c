#include "node/config/config_json.h"

#include <stdlib.h>
#include <string.h>

#include "node/config/config_read.h"

enum { DIGITS_MAX = 18 }; /* that any JSON reader takes for the same integer */

/* "65515" and not "065515" or "": the number prints as it was written. */
static bool is_plain_number(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len && len <= DIGITS_MAX && !text[len] && (text[0] != '0' || len == 1);
}

/* What the schema takes for a number or a truth value stays what the user wrote: a text where it has quotes. */
static json_t *scalar(const struct tree_node *n)
{
    if (!n->is_quoted && is_plain_number(n->text))
        return json_integer(strtoll(n->text, NULL, 10));
    if (!n->is_quoted && (!strcmp(n->text, "true") || !strcmp(n->text, "false")))
        return json_boolean(n->text[0] == 't');
    if (!n->is_quoted && (!n->text[0] || !strcmp(n->text, "null") || !strcmp(n->text, "~")))
        return json_null();
    return json_string(n->text);
}

static json_t *value(const struct tree_node *n)
{
    if (n->kind == TREE_SCALAR)
        return scalar(n);
    json_t *all = n->kind == TREE_LIST ? json_array() : json_object();
    for (const struct tree_node *child = n->first; child; child = child->next) {
        if (n->kind == TREE_LIST)
            json_array_append_new(all, value(child));
        else
            json_object_set_new(all, child->key, value(child));
    }
    return all;
}

json_t *config_json(const struct config *c)
{
    struct report report;
    struct arena arena = { 0 };
    struct tree_node *root = NULL;
    bool is_complete;
    report_init(&report, c->path, c->text ? c->text : "", c->text ? strlen(c->text) : 0);
    report.is_quiet = true;
    tree_parse(&report, &arena, &root, &is_complete);
    json_t *all = root ? value(root) : json_object();
    report_fini(&report);
    arena_fini(&arena);
    return all;
}
