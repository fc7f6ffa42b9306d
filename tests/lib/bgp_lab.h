/* A session's decoder for tests: AS 65001 at 10.1.2.4 speaks to AS 65515 at 10.1.1.4, both families,
 * four-octet AS numbers, until a test says otherwise. Messages are written in hex, what was decoded is
 * told as text:
 *
 *     +10.2.0.0/16 announced   -10.2.0.0/16 withdrawn   10.2.0.0/16#7 with its path id
 *     eor4 eor6 End-of-RIB     disable4 disable6 AFI/SAFI disable
 *     discard|withdraw|disable|reset 3/5 attr 1: the fault, its action, code, subcode and attribute */
#ifndef TANDEM_TESTS_LIB_BGP_LAB_H
#define TANDEM_TESTS_LIB_BGP_LAB_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bgp/codec/msg.h"
#include "bgp/codec/update.h"
#include "tests/lib/cu.h"
#include "tests/lib/hex.h"

#define ORIGIN "40 01 01 00 "
#define AS_PATH "40 02 06 'sequence' 02 01 0000fde9 "
#define NEXT_HOP "40 03 04 0a010204 "
#define USUAL ORIGIN AS_PATH NEXT_HOP
#define NLRI "10 0a02 "                /* 10.2.0.0/16 */
#define HOP6 "fd000000000000000000000000000004 "
#define NLRI6 "40 fd00000000020000 "   /* fd00:0:2::/64 */
#define MP_REACH6 "80 0e 1e 0002 01 10 " HOP6 "00 " NLRI6

struct bgp_lab {
    struct bgp_codec codec;
    struct bgp_update_context ctx;
    struct arena arena;
    struct bgp_update update;
    uint8_t body[BGP_MESSAGE_MAX_EXTENDED];
    size_t len;
    uint8_t *exact; /* the body as decoded: update points into it */
    char text[8192], scratch[8192];
};

static inline void lab_open(struct bgp_lab *l)
{
    memset(l, 0, sizeof *l);
    l->codec = (struct bgp_codec){ .as4 = true, .family = { true, true }, .max_message = 4096 };
    l->ctx = (struct bgp_update_context){
        .codec = &l->codec,
        .local_asn = 65515,
        .peer_asn = 65001,
        .local_addr = { .family = BGP_IP4, .bytes = { 10, 1, 1, 4 } },
    };
}

static inline void lab_close(struct bgp_lab *l)
{
    arena_fini(&l->arena);
    free(l->exact);
}

__attribute__((format(printf, 2, 3))) static inline void lab_say(struct bgp_lab *l, const char *format,
                                                                 ...)
{
    size_t used = strlen(l->text);
    va_list args;
    va_start(args, format);
    vsnprintf(l->text + used, sizeof l->text - used, format, args);
    va_end(args);
}

static inline void lab_say_nlri(struct bgp_lab *l, char sign, struct bgp_nlri n)
{
    struct ip_prefix prefix;
    uint32_t id;
    char text[IP_PREFIX_TEXT];
    while (bgp_nlri_next(&n, &prefix, &id)) {
        lab_say(l, " %c%s", sign, ip_prefix_format(&prefix, text));
        if (n.has_path_id)
            lab_say(l, "#%u", id);
    }
}

static inline void lab_say_fault(struct bgp_lab *l, const struct bgp_fault *f)
{
    static const char *const actions[] = { "", "discard", "withdraw", "disable", "reset" };
    if (f->action == BGP_ACTION_NONE)
        return;
    lab_say(l, " %s %u/%u", actions[f->action], f->code, f->subcode);
    if (f->attr_type)
        lab_say(l, " attr %u", f->attr_type);
}

/* Decode l->body; the text of what came out. */
static inline const char *lab_decode(struct bgp_lab *l)
{
    const struct bgp_update *u = &l->update;
    l->text[0] = 0;
    arena_reset(&l->arena);
    /* A copy of the exact size: a sanitizer sees every read beyond the end. */
    free(l->exact);
    l->exact = malloc(l->len ? l->len : 1);
    memcpy(l->exact, l->body, l->len);
    int err = bgp_update_decode(l->exact, l->len, &l->ctx, &l->arena, &l->update);
    if (err) {
        lab_say(l, " error %d", err);
    } else {
        bool reset = u->fault.action == BGP_ACTION_SESSION_RESET;
        for (int i = 0; !reset && i < u->withdrawn_count; i++)
            lab_say_nlri(l, '-', u->withdrawn[i]);
        for (int i = 0; !reset && i < u->reach_count; i++)
            lab_say_nlri(l, '+', u->reach[i]);
        for (int f = 0; !reset && f < BGP_FAMILIES; f++) {
            if (u->end_of_rib & 1u << f)
                lab_say(l, " eor%d", f ? 6 : 4);
            if (u->disable & 1u << f)
                lab_say(l, " disable%d", f ? 6 : 4);
        }
        lab_say_fault(l, &u->fault);
    }
    return l->text[0] ? l->text + 1 : "";
}

/* Put withdrawn routes, attributes and NLRI into one body with right lengths. */
static inline void lab_compose(struct bgp_lab *l, const char *withdrawn, const char *attrs,
                               const char *nlri)
{
    uint8_t *b = l->body;
    size_t w = hex(b + 2, sizeof l->body - 2, withdrawn);
    size_t a = hex(b + 4 + w, sizeof l->body - 4 - w, attrs);
    size_t n = hex(b + 4 + w + a, sizeof l->body - 4 - w - a, nlri);
    b[0] = (uint8_t)(w >> 8);
    b[1] = (uint8_t)w;
    b[2 + w] = (uint8_t)(a >> 8);
    b[3 + w] = (uint8_t)a;
    l->len = 4 + w + a + n;
}

static inline const char *lab_update(struct bgp_lab *l, const char *withdrawn, const char *attrs,
                                     const char *nlri)
{
    lab_compose(l, withdrawn, attrs, nlri);
    return lab_decode(l);
}

/* What these attributes do to 10.2.0.0/16. */
static inline const char *lab_attrs(struct bgp_lab *l, const char *attrs)
{
    return lab_update(l, "", attrs, NLRI);
}

/* The canonical bytes of the first announcement as hex. */
static inline const char *lab_canonical(struct bgp_lab *l)
{
    const struct bgp_attrs *a = &l->update.attrs[0];
    l->scratch[0] = 0;
    for (unsigned i = 0; i < a->len && 2 * i + 3 < sizeof l->scratch; i++)
        snprintf(l->scratch + 2 * i, 3, "%02x", a->bytes[i]);
    return l->scratch;
}

/* Is text the hex of these bytes? */
static inline bool lab_is_hex(const char *text, const char *hex_text)
{
    uint8_t left[4096], right[4096];
    size_t n = hex(left, sizeof left, text), m = hex(right, sizeof right, hex_text);
    return n == m && memcmp(left, right, n) == 0;
}

static inline const char *lab_next_hop(struct bgp_lab *l, int which)
{
    return ip_addr_format(&l->update.attrs[which].next_hop, l->scratch);
}

#endif
