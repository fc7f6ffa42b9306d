/* The byte log of a group. */
#include <stdlib.h>
#include <string.h>

#include "bgp/adjout/adjout_log.h"

static size_t at(const struct adjout_log *l, uint64_t offset)
{
    return (size_t)(offset & (l->cap - 1));
}

static size_t rounded(size_t len)
{
    return (sizeof(struct adjout_record) + len + 7) / 8 * 8;
}

void adjout_log_fini(struct adjout_log *l)
{
    free(l->bytes);
    *l = (struct adjout_log){ 0 };
}

/* Everybody has read everything: the next message may stand at the beginning. So a log that is read as fast as
 * it is written stays within the processor's cache, and most of its memory is never touched. */
static bool may_begin_anew(const struct adjout_log *l, size_t need)
{
    size_t used = at(l, l->head);
    return l->head == l->tail && used >= need && used >= ADJOUT_LOG_STRETCH;
}

uint8_t *adjout_log_reserve(struct adjout_log *l, size_t most)
{
    size_t need = rounded(most), to_end = l->cap - at(l, l->head);
    if (!l->cap)
        return NULL;
    if (to_end < need || may_begin_anew(l, need)) { /* fill up, begin anew */
        if (l->cap - (l->head - l->tail) < to_end + need)
            return NULL;
        const struct adjout_record filler = { .size = (uint32_t)to_end };
        memcpy(l->bytes + at(l, l->head), &filler, sizeof filler);
        l->head += to_end;
    }
    if (l->cap - (l->head - l->tail) < need)
        return NULL;
    return l->bytes + at(l, l->head) + sizeof(struct adjout_record);
}

/* What would be left before the end is part of the record when no other one's head fits there. */
void adjout_log_commit(struct adjout_log *l, const struct adjout_record *r)
{
    struct adjout_record record = *r;
    size_t size = rounded(r->len), left = l->cap - at(l, l->head) - size;
    record.size = (uint32_t)(size + (left < sizeof record ? left : 0));
    memcpy(l->bytes + at(l, l->head), &record, sizeof record);
    l->head += record.size;
}

const uint8_t *adjout_log_read(const struct adjout_log *l, uint64_t *offset,
                               struct adjout_record *out)
{
    for (; *offset < l->head; *offset += out->size) {
        memcpy(out, l->bytes + at(l, *offset), sizeof *out);
        if (out->len)
            return l->bytes + at(l, *offset) + sizeof *out;
    }
    return NULL;
}

uint64_t adjout_log_after(uint64_t offset, const struct adjout_record *r)
{
    return offset + r->size;
}

bool adjout_log_grow(struct adjout_log *l)
{
    size_t cap = l->cap ? l->cap * 2 : ADJOUT_LOG_MIN;
    if (cap > ADJOUT_LOG_MAX)
        return false;
    uint8_t *bytes = malloc(cap);
    if (!bytes)
        return false;
    /* Offsets are places modulo the size: what is held keeps its offset, in the wider buffer, and says itself
     * where the next one begins: the old end is no end any more. */
    for (uint64_t o = l->tail; o < l->head;) {
        size_t from = at(l, o), to = (size_t)(o & (cap - 1)), n = l->cap - from;
        if (n > l->head - o)
            n = (size_t)(l->head - o);
        memcpy(bytes + to, l->bytes + from, n);
        o += n;
    }
    free(l->bytes);
    l->bytes = bytes;
    l->cap = cap;
    return true;
}
