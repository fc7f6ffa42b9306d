#include "node/api/page.h"

#include <stdlib.h>

#include "node/api/params.h"

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

/* ---- the answer ---- */

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

json_t *page_items(const struct api_view *v, const struct page *page, page_add_net *add_net, const void *context,
                   char cursor[static PAGE_CURSOR])
{
    unsigned looks = LOOKS_MAX;
    struct walk walk = page->walk;
    struct page_items items = { .list = json_array(), .limit = page->limit, .skip = page->skip };
    uint64_t at = walk.position; /* behind the last net whose items were all shown */
    bool is_full = false;
    for (uint32_t net; !is_full && (net = walk_next(&walk, &looks)); items.skip = 0) {
        items.shown = 0;
        is_full = !add_net(v, context, net, &items);
        if (!is_full)
            at = walk.position;
    }
    if (!is_full) {
        at = walk.position; /* nets that nobody wants count as seen */
        items.shown = 0;
    }
    bool is_done = !is_full && walk_is_done(&walk);
    cursor[0] = 0;
    if (!is_done)
        snprintf(cursor, PAGE_CURSOR, "%llx.%u", (unsigned long long)at, items.shown);
    return items.list;
}

void page_reply(const struct api_view *v, const struct page *page, page_add_net *add_net,
                const void *context, struct api_reply *out)
{
    char cursor[PAGE_CURSOR];
    json_t *items = page_items(v, page, add_net, context, cursor);
    reply_list(out, items, cursor[0] ? cursor : NULL, vlist_head(&page->walk.rib->loc));
}
