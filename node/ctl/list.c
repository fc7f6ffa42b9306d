#include "node/ctl/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgp/codec/types.h"
#include "node/base/memory.h"
#include "node/ctl/client.h"

enum { STRETCH = 10000 }; /* most lists are one: in order from end to end */

/* ---- order: by prefix, the best first; else as the daemon has them ---- */

struct ranked {
    struct ip_prefix prefix;
    json_t *item;
    size_t place;
};

static int compare_marks(const json_t *a, const json_t *b, const char *mark)
{
    return json_is_true(json_at(b, mark)) - json_is_true(json_at(a, mark));
}

static int compare_items(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    struct ip_addr x = { .family = a->prefix.family }, y = { .family = b->prefix.family };
    memcpy(x.bytes, a->prefix.bytes, sizeof x.bytes);
    memcpy(y.bytes, b->prefix.bytes, sizeof y.bytes);
    int order = ip_addr_compare(&x, &y);
    if (!order)
        order = a->prefix.len - b->prefix.len;
    if (!order)
        order = compare_marks(a->item, b->item, "best");
    if (!order)
        order = compare_marks(a->item, b->item, "programmed");
    if (!order)
        order = strcmp(json_text_at(a->item, "peer"), json_text_at(b->item, "peer"));
    if (!order)
        order = strcmp(json_text_at(a->item, "node"), json_text_at(b->item, "node"));
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* A new array of the same items. */
static json_t *sorted(const json_t *items)
{
    size_t count = json_array_size(items), i;
    json_t *item, *list = json_array();
    struct ranked *ranks = memory_new(count, sizeof *ranks);
    json_array_foreach(items, i, item)
    {
        ranks[i].item = item;
        ranks[i].place = i;
        if (ip_prefix_parse(json_text_at(item, "prefix"), &ranks[i].prefix))
            ranks[i].prefix = (struct ip_prefix){ 0 };
    }
    qsort(ranks, count, sizeof *ranks, compare_items);
    for (i = 0; i < count; i++)
        json_array_append(list, ranks[i].item);
    free(ranks);
    return list;
}

/* ---- a stretch ---- */

struct printing {
    struct table *table; /* NULL: as JSON */
    json_t *stretch;     /* what has come and is not written yet */
    const char *before;  /* what stands before the next item of a JSON array, … */
    const char *newline; /* … and behind that: nothing where the whole array is a line */
    size_t shown;
};

static int write_array(struct printing *p, const json_t *items)
{
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        printf("%s%s", p->before, p->newline);
        p->before = ",";
        if (json_dumpf(item, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)))
            return ctl_cannot_write();
    }
    return CTL_OK;
}

static int write_items(const struct ctl *c, struct printing *p, const json_t *items)
{
    if (c->output == CTL_JSONL)
        return ctl_print_json(c, items);
    return p->table ? table_add(p->table, items) : write_array(p, items);
}

/* Whoever reads on has it at once, and whoever does not is not written for: head(1). */
static int write_stretch(const struct ctl *c, struct printing *p)
{
    json_t *items = sorted(p->stretch);
    p->shown += json_array_size(items);
    json_array_clear(p->stretch);
    errno = 0;
    int code = write_items(c, p, items);
    json_decref(items);
    return code || !fflush(stdout) ? code : ctl_cannot_write();
}

static int take_page(const struct ctl *c, const json_t *items, void *context)
{
    struct printing *p = context;
    json_array_extend(p->stretch, (json_t *)(uintptr_t)items);
    return json_array_size(p->stretch) < STRETCH ? CTL_OK : write_stretch(c, p);
}

/* ---- the list ---- */

static const char array_head[] = "{\"items\": [";

static void write_end(const struct ctl *c, const struct printing *p, const struct list_form *form)
{
    if (c->output == CTL_JSON)
        printf("%s%s], \"nextCursor\": null}\n", p->shown ? "" : array_head, p->newline);
    else if (p->shown && p->table && form->legend)
        puts(form->legend);
}

int list_print(const struct ctl *c, const char *path, const struct list_form *form, size_t *shown)
{
    struct printing p = { .stretch = json_array(), .before = array_head, .newline = c->watch_s ? "" : "\n" };
    if (!ctl_wants_json(c))
        p.table = table_new(form->columns, form->count, c->output == CTL_WIDE);
    int code = client_pages(c, path, take_page, &p);
    if (!code)
        code = write_stretch(c, &p);
    if (!code)
        write_end(c, &p, form);
    table_free(p.table);
    json_decref(p.stretch);
    *shown = p.shown;
    return code;
}
