#include "node/config/tree.h"

#include <string.h>
#include <yaml.h>

#include "node/base/memory.h"

struct builder {
    struct report *report;
    struct arena *arena;
    yaml_parser_t parser;
    struct tree_node *root;
    struct tree_node *open[TREE_DEPTH_MAX + 1]; /* collections not closed yet */
    unsigned depth;                             /* of them */
    const char *key;                            /* of the pair at hand, NULL: a key comes next */
    struct report_mark key_mark;
    unsigned documents, skipped; /* skipped: nesting within what is no key */
    bool is_too_deep;
};

static struct report_mark mark_of(const yaml_event_t *e)
{
    size_t length = e->end_mark.line == e->start_mark.line
                        ? e->end_mark.column - e->start_mark.column
                        : 1;
    return (struct report_mark){ .line = (uint32_t)e->start_mark.line + 1,
                                 .column = (uint32_t)e->start_mark.column + 1,
                                 .length = (uint32_t)(length ? length : 1) };
}

struct report_mark tree_place(const struct tree_node *node)
{
    struct report_mark at = node->key ? node->key_mark : node->mark;
    if (!node->key && node->kind != TREE_SCALAR)
        at.length = 1;
    return at;
}

const char *tree_path(const struct tree_node *node, char buf[static TREE_PATH_TEXT])
{
    const struct tree_node *line[TREE_DEPTH_MAX + 2];
    size_t count = 0, at = 0;
    for (; node && node->parent && count < TREE_DEPTH_MAX + 2; node = node->parent)
        line[count++] = node;
    buf[0] = 0;
    while (count-- > 0 && at + 1 < TREE_PATH_TEXT) {
        int n = line[count]->key
                    ? snprintf(buf + at, TREE_PATH_TEXT - at, "%s%s", at ? "." : "", line[count]->key)
                    : snprintf(buf + at, TREE_PATH_TEXT - at, "[%u]", line[count]->index);
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

static const char *copy_text(struct builder *b, const unsigned char *text, size_t len)
{
    char *copy = memory_from(b->arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}

static void complain(struct builder *b, struct report_mark at, const char *text)
{
    char path[TREE_PATH_TEXT] = "";
    if (b->depth && !b->skipped)
        tree_path(b->open[b->depth - 1], path);
    report_error(b->report, at, path, "%s", text);
}

/* False: the map is full, and what stands behind is read past. */
static bool takes_key(struct builder *b, const struct tree_node *map, struct tree_node *n)
{
    char path[TREE_PATH_TEXT];
    const struct tree_node *twin = n->index < TREE_KEYS_MAX ? tree_get(map, n->key) : NULL;
    if (n->index == TREE_KEYS_MAX)
        complain(b, n->key_mark, "too many keys in one place");
    if (!twin)
        return n->index < TREE_KEYS_MAX;
    n->is_duplicate = true;
    report_error(b->report, n->key_mark, tree_path(n, path), "this key stands on line %u already", twin->key_mark.line);
    report_hint(b->report, "remove one of the two");
    return true;
}

static struct tree_node *add_node(struct builder *b, enum tree_kind kind, const yaml_event_t *e)
{
    struct tree_node *n = memory_from(b->arena, sizeof *n);
    n->kind = (uint8_t)kind;
    n->mark = mark_of(e);
    if (!b->depth) {
        b->root = n;
        return n;
    }
    struct tree_node *parent = b->open[b->depth - 1];
    n->parent = parent;
    n->key = b->key;
    n->key_mark = b->key_mark;
    n->index = parent->count++;
    b->key = NULL;
    if (parent->kind == TREE_MAP && !takes_key(b, parent, n))
        return n;
    if (parent->last)
        parent->last->next = n;
    else
        parent->first = n;
    parent->last = n;
    return n;
}

static bool wants_key(const struct builder *b)
{
    return b->depth && b->open[b->depth - 1]->kind == TREE_MAP && !b->key;
}

static void check_extras(struct builder *b, const yaml_char_t *anchor, const yaml_char_t *tag,
                         struct report_mark at)
{
    if (anchor)
        complain(b, at, "anchors (&) are not supported: write the value out");
    if (tag)
        complain(b, at, "tags (!) are not supported: write the value alone");
}

static void on_scalar(struct builder *b, const yaml_event_t *e)
{
    const char *text = copy_text(b, e->data.scalar.value, e->data.scalar.length);
    check_extras(b, e->data.scalar.anchor, e->data.scalar.tag, mark_of(e));
    if (strlen(text) != e->data.scalar.length)
        complain(b, mark_of(e), "a zero byte is not allowed");
    if (wants_key(b)) {
        b->key = text;
        b->key_mark = mark_of(e);
        return;
    }
    struct tree_node *n = add_node(b, TREE_SCALAR, e);
    n->text = text;
    n->is_quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static void on_open(struct builder *b, const yaml_event_t *e, enum tree_kind kind)
{
    if (b->depth + b->skipped == TREE_DEPTH_MAX) {
        complain(b, mark_of(e), "nested too deeply");
        b->is_too_deep = true;
        return;
    }
    if (b->skipped || wants_key(b)) {
        if (!b->skipped++)
            complain(b, mark_of(e), "a key must be a word");
        return;
    }
    struct tree_node *n = add_node(b, kind, e);
    b->open[b->depth++] = n;
}

/* Nobody counts through a list of thousands to find one of them. */
static void index_maps(struct builder *b, struct tree_node *list)
{
    if (list->kind != TREE_LIST)
        return;
    list->maps = memory_from(b->arena, list->count * sizeof(void *) + 1);
    for (struct tree_node *n = list->first; n; n = n->next)
        if (n->kind == TREE_MAP)
            list->maps[list->map_count++] = n;
}

static void on_close(struct builder *b)
{
    if (b->skipped) {
        if (--b->skipped == 0 && wants_key(b))
            b->key = ""; /* the value of what could not be a key follows */
        return;
    }
    index_maps(b, b->open[--b->depth]);
    b->key = NULL;
}

static void on_event(struct builder *b, const yaml_event_t *e)
{
    if (e->type == YAML_DOCUMENT_START_EVENT && b->documents++)
        complain(b, mark_of(e), "a second document (---): one file holds one configuration");
    if (b->documents > 1)
        return;
    if (e->type == YAML_SCALAR_EVENT && !b->skipped) {
        on_scalar(b, e);
    } else if (e->type == YAML_ALIAS_EVENT) {
        complain(b, mark_of(e), "aliases (*) are not supported: write the value out");
        if (!b->skipped && !wants_key(b))
            add_node(b, TREE_SCALAR, e)->text = "";
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        check_extras(b, e->data.mapping_start.anchor, e->data.mapping_start.tag, mark_of(e));
        on_open(b, e, TREE_MAP);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        check_extras(b, e->data.sequence_start.anchor, e->data.sequence_start.tag, mark_of(e));
        on_open(b, e, TREE_LIST);
    } else if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT) {
        on_close(b);
    }
}

static void report_syntax(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    struct report_mark at = { .line = (uint32_t)p->problem_mark.line + 1,
                              .column = (uint32_t)p->problem_mark.column + 1,
                              .length = 1 };
    const char *problem = p->problem ? p->problem : "cannot be read";
    if (p->error == YAML_READER_ERROR)
        at = (struct report_mark){ 0 };
    report_error(b->report, at, NULL, "%s", problem);
    if (p->context)
        report_hint(b->report, "%s on line %zu", p->context, p->context_mark.line + 1);
    if (strstr(problem, "cannot start any token"))
        report_hint(b->report, "indentation is by blanks, never by tabs; quote what begins with a sign");
}

void tree_parse(struct report *r, struct arena *arena, struct tree_node **root, bool *is_complete)
{
    struct builder b = { .report = r, .arena = arena };
    bool done = false;
    *is_complete = true;
    if (!yaml_parser_initialize(&b.parser))
        abort();
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)r->text, r->len);
    while (!done && !b.is_too_deep) { /* libyaml's time grows with the square of the depth */
        yaml_event_t e;
        if (!yaml_parser_parse(&b.parser, &e)) {
            report_syntax(&b);
            *is_complete = false;
            break;
        }
        on_event(&b, &e);
        done = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&b.parser);
    *is_complete &= !b.is_too_deep;
    while (b.depth) /* what was not closed */
        index_maps(&b, b.open[--b.depth]);
    *root = b.root;
}

struct tree_node *tree_get(const struct tree_node *map, const char *key)
{
    if (!map || map->kind != TREE_MAP)
        return NULL;
    for (struct tree_node *n = map->first; n; n = n->next)
        if (n->key && !n->is_duplicate && !n->is_left_out && strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

struct tree_node *tree_get_good(const struct tree_node *map, const char *key)
{
    struct tree_node *n = tree_get(map, key);
    return n && !n->is_bad ? n : NULL;
}

struct tree_node *tree_map(const struct tree_node *list, size_t nth)
{
    return list && nth < list->map_count ? list->maps[nth] : NULL;
}
