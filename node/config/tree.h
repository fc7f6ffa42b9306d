/* A YAML or JSON text as a small tree that knows where each key and value stands.
 *
 * Scalars stay text: what `no`, 65515:100 or 1e3 mean is for the schema to say. Refused, with a
 * finding each: duplicate keys, anchors, aliases, tags, tabs as indentation, a second document, keys
 * that are not words, nesting beyond TREE_DEPTH_MAX, more than TREE_KEYS_MAX keys in one map, bytes
 * that are not UTF-8, control characters. Reading goes on after all but a fault of syntax and too deep a nesting. */
#ifndef TANDEM_NODE_CONFIG_TREE_H
#define TANDEM_NODE_CONFIG_TREE_H

#include "node/config/report.h"

enum { TREE_DEPTH_MAX = 16, TREE_KEYS_MAX = 64, TREE_SIZE_MAX = 1 << 20, TREE_PATH_TEXT = 256 };

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
    uint8_t kind;      /* enum tree_kind */
    bool is_quoted;    /* scalar in quotes: an empty one is a text, not an absent value */
    bool is_bad;       /* a finding was reported here: later checks leave it alone */
    bool is_duplicate; /* its key stands earlier in the same map */
    bool is_left_out;  /* null where nothing need be said: tree_get passes it over */
    struct report_mark mark;
    const char *text;            /* scalar: 0-terminated */
    const char *key;             /* in a map, else NULL */
    struct report_mark key_mark; /* in a map */
    uint32_t index;              /* in a list */
    uint32_t count;              /* children */
    struct tree_node *parent, *first, *last, *next;
    struct tree_node **maps; /* list: its items that are maps, by their place among those */
    uint32_t map_count;
};

/* Parse the text of the report.
 * arena        everything in the tree lives there
 * root         NULL for an empty file
 * is_complete  false when one of these two ended the tree early: what is absent may stand below */
void tree_parse(struct report *r, struct arena *arena, struct tree_node **root, bool *is_complete);

/* The value of a key in a map; NULL when it is absent or the node is NULL or no map. */
struct tree_node *tree_get(const struct tree_node *map, const char *key);
/* The same, for use: NULL also when a finding was reported about it. */
struct tree_node *tree_get_good(const struct tree_node *map, const char *key);
/* The nth map of a list, as arrays of structs are filled from them; NULL when there are no more, or it is no list. */
struct tree_node *tree_map(const struct tree_node *list, size_t nth);

/* "peers[1].peerAsn"; "" for the root. Returns buf. */
const char *tree_path(const struct tree_node *node, char buf[static TREE_PATH_TEXT]);
/* Where an object as a whole is pointed at: at its key, or at its first character. */
struct report_mark tree_place(const struct tree_node *node);

#endif
