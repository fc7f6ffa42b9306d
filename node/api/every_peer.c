#include "node/api/every_peer.h"

#include <stdlib.h>

#include "node/api/pieces.h"
#include "node/base/memory.h"

enum { STYLE = JSON_COMPACT | JSON_REAL_PRECISION(15) };

struct answer {
    struct pieces pieces;
    struct every_peer what;
    size_t nth; /* that is looked at next */
    const char *between;
};

static void put_peer(struct answer *a, const struct api_view *v, const struct core_peer_view *p, FILE *to)
{
    json_t *name = json_text(core_nva_name(v->core, p->nva)), *item = a->what.show(v, p);
    fputs(a->between, to);
    a->between = ",";
    if (a->what.is_named) {
        json_dumpf(name, to, STYLE | JSON_ENCODE_ANY);
        fputc(':', to);
    }
    json_dumpf(item, to, STYLE);
    json_decref(item);
    json_decref(name);
}

static void make(struct pieces *pieces, const struct api_view *v, unsigned *looks, FILE *to)
{
    struct answer *a = (struct answer *)pieces;
    struct core_peer_view p;
    bool is_meant = false;
    while (a->nth < core_peer_count(v->core) && !is_meant)
        is_meant = core_peer_view(v->core, a->nth++, &p) && (!a->what.only || a->what.only == p.nva);
    *looks -= *looks != 0;
    if (is_meant)
        put_peer(a, v, &p, to);
    pieces->is_over = a->nth >= core_peer_count(v->core);
    if (pieces->is_over)
        fputs(a->what.is_named ? "}}" : "]}", to);
}

void every_peer_reply(const struct every_peer *what, struct api_reply *out)
{
    struct answer *a = memory_new(1, sizeof *a);
    a->what = *what;
    a->between = "";
    a->pieces.make = make;
    FILE *head = open_memstream(&a->pieces.text, &a->pieces.len);
    if (!head)
        abort(); /* as everywhere in node: without memory the process ends, the other node serves */
    fputc('{', head);
    if (what->take_head)
        json_dumpf(what->take_head, head, STYLE | JSON_EMBED);
    fprintf(head, "%s\"%s\":%c", what->take_head ? "," : "", what->list, what->is_named ? '{' : '[');
    json_decref(what->take_head);
    fclose(head);
    pieces_reply(&a->pieces, "application/json", out);
}
