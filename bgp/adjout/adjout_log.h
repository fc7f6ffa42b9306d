/* Messages in order in one circular buffer; readers hold offsets that only grow. */
#ifndef TANDEM_BGP_ADJOUT_LOG_H
#define TANDEM_BGP_ADJOUT_LOG_H

#include "bgp/adjout/adjout_impl.h"

void adjout_log_fini(struct adjout_log *l);
/* Where the next message of at most `most` bytes goes; NULL: no room between tail and head. */
uint8_t *adjout_log_reserve(struct adjout_log *l, size_t most);
/* The message stands there; r says what it is. */
void adjout_log_commit(struct adjout_log *l, const struct adjout_record *r);
/* The message at *offset (moved over filler), or NULL at the head. */
const uint8_t *adjout_log_read(const struct adjout_log *l, uint64_t *offset,
                               struct adjout_record *out);
uint64_t adjout_log_after(uint64_t offset, const struct adjout_record *r);
/* Double the room; false at the limit or when memory ends. */
bool adjout_log_grow(struct adjout_log *l);

#endif
