/* Shared by change*.c: keys as places in their structs. */
#ifndef TANDEM_NODE_CONFIG_CHANGE_IMPL_H
#define TANDEM_NODE_CONFIG_CHANGE_IMPL_H

#include <stddef.h>

#include "node/config/change.h"

enum change_kind { CHANGE_BYTES, CHANGE_TEXT, CHANGE_MAP };

/* One key: where it is in its struct, and what another value means. */
struct change_field {
    const char *key;
    size_t offset, size;
    uint8_t kind;   /* enum change_kind */
    uint8_t effect; /* of a peer: enum config_effect */
};

bool change_is_same(const struct change_field *f, const void *a, const void *b);
void change_swap(void *a, void *b, size_t size);

/* change_targets.c: differences in words, one a line; returns how many. */
size_t config_tell_targets(const struct config *is, const struct config *next, FILE *out);
/* After everything else of the two was exchanged: targets that go on stay the objects that they are, with
 * the new choice of routes; the rest of `was` is what ended. */
void config_keep_targets(struct config *is, struct config *was);

#endif
