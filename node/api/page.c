#include "node/api/page.h"

#include <stdlib.h>
#include <string.h>

#include "node/api/params.h"
#include "node/api/pieces.h"
#include "node/base/memory.h"

enum { LIMIT_DEFAULT = 500, LIMIT_MAX = 1000, LOOKS_MAX = 20000 };

/* ---- the request ---- */

static bool read_prefix(const struct api_request *q, struct walk *w, struct api_reply *out)
{
    static const char *const words[] = { "exact", "longer", "shorter", "lpm", NULL };
    const char *text = api_param(q, "prefix");
    unsigned match = text ? WALK_EXACT : WALK_ALL;
    if (!text && api_param(q, "match")) {
        reply_problem(out, 400, "match", "match needs a prefix");
        return false;
    }
    if (text && !api_prefix(q, &w->prefix, out))
        return false;
    if (!api_word(q, "match", words, &match, out))
        return false;
    w->match = (uint8_t)match;
    return true;
}

/* "POSITION.SKIP" as we wrote it. */
static bool read_cursor(const struct api_request *q, struct page *page, struct api_reply *out)
{
    const char *text = api_param(q, "cursor");
    if (!text)
        return true;
    char *dot, *end = NULL;
    unsigned long long position = strtoull(text, &dot, 16);
    unsigned long skip = *dot == '.' ? strtoul(dot + 1, &end, 10) : 0;
    if (!end || *end || end == dot + 1 || position > UINT32_MAX || skip > UINT32_MAX) {
        reply_problem(out, 400, "cursor", "this is no cursor that an earlier page gave");
        return false;
    }
    page->walk.position = position;
    page->skip = (uint32_t)skip;
    return true;
}

bool page_read(const struct api_view *v, const struct api_request *q, struct page *page,
               struct api_reply *out)
{
    *page = (struct page){ .walk = { .rib = core_rib(v->core) }, .limit = LIMIT_DEFAULT };
    return read_prefix(q, &page->walk, out) && api_number(q, "limit", 1, LIMIT_MAX, &page->limit, out) &&
           read_cursor(q, page, out);
}

/* ---- the items ---- */

bool page_wants(struct page_items *to)
{
    return to->shown++ >= to->skip;
}

bool page_add(struct page_items *to, json_t *take_item)
{
    if (json_array_size(to->list) < to->limit) {
        json_array_append_new(to->list, take_item);
        return true;
    }
    json_decref(take_item);
    to->shown--;
    return false;
}

/* A page on its way, net by net. */
struct progress {
    struct page page;
    page_add_net *add_net;
    const void *context;
    uint64_t at;    /* behind the last net whose items were all shown, … */
    uint32_t shown; /* … and so many of the next one's were */
    unsigned looks; /* left */
    bool is_full;
};

static struct progress begin(const struct page *page, page_add_net *add_net, const void *context)
{
    return (struct progress){ .page = *page, .add_net = add_net, .context = context, .at = page->walk.position,
                              .looks = LOOKS_MAX };
}

/* Nets that nobody wants count as seen. */
static void pass(struct progress *p)
{
    p->at = p->page.walk.position;
    p->shown = p->page.skip = 0;
}

/* Those of the next net; NULL: there was none within the looks. */
static json_t *next_items(struct progress *p, const struct api_view *v, unsigned *looks)
{
    unsigned most = *looks < p->looks ? *looks : p->looks, left = most;
    uint32_t net = walk_next(&p->page.walk, &left);
    *looks -= most - left;
    p->looks -= most - left;
    if (!net) {
        p->at = p->page.walk.position;
        p->shown = 0;
        return NULL;
    }
    struct page_items items = { .list = json_array(), .limit = p->page.limit, .skip = p->page.skip };
    p->is_full = !p->add_net(v, p->context, net, &items);
    p->page.limit -= json_array_size(items.list);
    p->shown = items.shown;
    if (!p->is_full)
        pass(p);
    return items.list;
}

static bool is_over(const struct progress *p)
{
    return p->is_full || !p->looks || walk_is_done(&p->page.walk);
}

/* Text where there is more, "" otherwise. */
static void cursor_behind(const struct progress *p, char cursor[static PAGE_CURSOR])
{
    bool is_done = !p->is_full && walk_is_done(&p->page.walk);
    cursor[0] = 0;
    if (!is_done)
        snprintf(cursor, PAGE_CURSOR, "%llx.%u", (unsigned long long)p->at, p->shown);
}

json_t *page_items(const struct api_view *v, const struct page *page, page_add_net *add_net, const void *context,
                   char cursor[static PAGE_CURSOR])
{
    struct progress p = begin(page, add_net, context);
    json_t *all = json_array();
    while (!is_over(&p)) {
        json_t *items = next_items(&p, v, &p.looks);
        if (items)
            json_array_extend(all, items);
        json_decref(items);
    }
    cursor_behind(&p, cursor);
    return all;
}

/* ---- the answer ---- */

struct answer {
    struct pieces pieces;
    struct progress progress;
    uint64_t revision;
    bool has_items;
    max_align_t context[];
};

static void put_items(struct answer *a, const json_t *items, FILE *to)
{
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        fputs(a->has_items ? "," : "", to);
        a->has_items = true;
        json_dumpf(item, to, JSON_COMPACT | JSON_REAL_PRECISION(15));
    }
}

static void put_end(const struct answer *a, FILE *to)
{
    char cursor[PAGE_CURSOR];
    cursor_behind(&a->progress, cursor);
    const char *quote = cursor[0] ? "\"" : "";
    fprintf(to, "],\"nextCursor\":%s%s%s,\"revision\":%llu}", quote, cursor[0] ? cursor : "null", quote,
            (unsigned long long)a->revision);
}

static void make(struct pieces *p, const struct api_view *v, unsigned *looks, FILE *to)
{
    struct answer *a = (struct answer *)p;
    json_t *items = next_items(&a->progress, v, looks);
    p->is_over = is_over(&a->progress);
    if (items)
        put_items(a, items, to);
    else if (!p->is_over)
        fputc('\n', to);
    if (p->is_over)
        put_end(a, to);
    json_decref(items);
}

void page_reply(const struct page *page, page_add_net *add_net, const void *context, size_t size, struct api_reply *out)
{
    struct answer *a = memory_new(1, sizeof *a + size);
    memcpy(a->context, context, size);
    a->pieces.make = make;
    a->pieces.text = memory_copy_text("{\"items\":[");
    a->pieces.len = strlen(a->pieces.text);
    a->progress = begin(page, add_net, a->context);
    a->revision = vlist_head(&page->walk.rib->loc);
    pieces_reply(&a->pieces, "application/json", out);
}
