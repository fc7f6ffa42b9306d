/* A list of what stands at prefixes, a page at a time: prefix, match, limit and cursor of a request, and the
 * walk. One answer looks at a bounded number of prefixes, so a page may be short, or empty, while there is a
 * nextCursor; whoever follows it holds a page, never a table. */
#ifndef TANDEM_NODE_API_PAGE_H
#define TANDEM_NODE_API_PAGE_H

#include "node/api/reply.h"
#include "node/api/walk.h"

struct page {
    struct walk walk;
    uint64_t limit;
    uint32_t skip; /* items of the first net that an earlier page has shown */
};

/* False: *out holds the refusal. */
bool page_read(const struct api_view *v, const struct api_request *q, struct page *page,
               struct api_reply *out);

/* The items of one net on their way to the page. */
struct page_items {
    json_t *list;
    uint64_t limit;
    uint32_t skip, shown; /* shown: on this page and on earlier ones */
};
/* Is the net's next item still to be shown? Asked once for each, in an order that stays. */
bool page_wants(struct page_items *to);
/* False: the page is full, and the item is given back. */
bool page_add(struct page_items *to, json_t *take_item);

/* All items of a net; false: the page is full. */
typedef bool page_add_net(const struct api_view *v, const void *context, uint32_t net,
                          struct page_items *to);
/* The page's items; *cursor is text where there is more, "" otherwise. */
enum { PAGE_CURSOR = 40 };
json_t *page_items(const struct api_view *v, const struct page *page, page_add_net *add_net, const void *context,
                   char cursor[static PAGE_CURSOR]);
/* As an answer that is made while it is sent. The context is copied; the page's revision is that of its beginning. */
void page_reply(const struct page *page, page_add_net *add_net, const void *context, size_t size, struct api_reply *out);

#endif
