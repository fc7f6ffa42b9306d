/* Lists of any length, printed as they come. */
#ifndef TANDEM_NODE_CTL_LIST_H
#define TANDEM_NODE_CTL_LIST_H

#include "node/ctl/table.h"

struct list_form {
    const struct column *columns;
    size_t count;
    const char *legend; /* below the table; NULL: none */
};
#define LIST_FORM(columns_, legend_)                                                                                   \
    { .columns = (columns_), .count = sizeof(columns_) / sizeof *(columns_), .legend = (legend_) }

/* All items of a list of the API, by prefix, in the form that c wants: a stretch of some thousand items at a time, each
 * sorted for itself. A list of any length costs a stretch of memory, and its first line comes at once. An empty table has
 * no line at all: what it means is the verb's to say.
 * path ends with "?" or "&"; *shown is the number of items */
int list_print(const struct ctl *c, const char *path, const struct list_form *form, size_t *shown);

#endif
