/* Dead-origin flush: node X tells survivors A and B of its table by two cursors and dies with bytes in flight,
 * each having heard another part. Who heard less reads the rest from who heard more, at its own position, over
 * a link that may break meanwhile.
 *
 * Asserted when nothing more can happen: both are at the same position (R7); and where both stand at a cut they
 * hold the same. (Between cuts an entry that changed later may be old in one copy and missing in the other: it
 * was in flight when X died, and no position tells.)
 * Weak: -DNO_FLUSH reads nothing of the other; -DRENUMBER keeps entries under numbers of the reader's own
 * instead of X's versions, so that a position in one copy means nothing in the other. */
#ifndef CHANGES
#define CHANGES 4
#endif
#ifndef BREAKS
#define BREAKS 1
#endif

typedef Copy { byte version[2]; bit present[2]; byte position; byte last; bit cut };

Copy copy[2];
byte version[2], head, changes = CHANGES, breaks = BREAKS;
bit present[2];
byte told[2];           /* X's cursors */
byte served[2];         /* of the cursor into the copy of the other one, for reader 0 and 1 */
bit dead, sees[2], reads[2];
chan from_x[2] = [2] of { byte, byte, bit, bit };
chan link[2] = [2] of { byte, byte, bit, bit };  /* to reader 0 and 1 */

inline next_of(v0, v1, after) { /* best: the entry whose version comes next; 2: none */
    best = 2;
    if :: v0 > after -> best = 0 :: else fi;
    if :: v1 > after && (best == 2 || v1 < v0) -> best = 1 :: else fi
}

inline take(i, e, v, p, c) {
    copy[i].cut = c;
    copy[i].present[e] = p;
    copy[i].position = v;
#ifdef RENUMBER
    copy[i].last++;
    copy[i].version[e] = copy[i].last
#else
    copy[i].version[e] = v
#endif
}

inline lose(c) { do :: nempty(c) -> c ? _, _, _, _ :: empty(c) -> break od }

proctype origin() {
    byte k, best;
    do
    :: atomic { changes > 0 -> changes--; if :: k = 0 :: k = 1 fi;
         head++; version[k] = head; present[k] = 1 - present[k] }
    :: atomic { told[0] < head && nfull(from_x[0]) ->
         next_of(version[0], version[1], told[0]);
         from_x[0] ! best, version[best], present[best], (version[best] == head); told[0] = version[best] }
    :: atomic { told[1] < head && nfull(from_x[1]) ->
         next_of(version[0], version[1], told[1]);
         from_x[1] ! best, version[best], present[best], (version[best] == head); told[1] = version[best] }
    :: atomic { dead = 1;
         if :: lose(from_x[0]) :: skip fi;
         if :: lose(from_x[1]) :: skip fi; break }
    od
}

proctype survivor(byte i) {
    byte e, v, best;
    bit p, c;
    end: do
    :: atomic { from_x[i] ? e, v, p, c -> take(i, e, v, p, c) }
    :: atomic { dead && !sees[i] && empty(from_x[i]) -> sees[i] = 1 }
#ifndef NO_FLUSH
    :: atomic { sees[i] && !reads[i] && copy[1 - i].position > copy[i].position ->
         reads[i] = 1; served[i] = copy[i].position }
#endif
    :: atomic { reads[1 - i] && nfull(link[1 - i]) &&
                (copy[i].version[0] > served[1 - i] || copy[i].version[1] > served[1 - i]) ->
         next_of(copy[i].version[0], copy[i].version[1], served[1 - i]);
         link[1 - i] ! best, copy[i].version[best], copy[i].present[best],
             (copy[i].cut && copy[i].version[best] == copy[i].position);
         served[1 - i] = copy[i].version[best] }
    :: atomic { link[i] ? e, v, p, c -> take(i, e, v, p, c) }
    :: atomic { breaks > 0 && (reads[0] || reads[1]) ->
         breaks--; lose(link[0]); lose(link[1]); reads[0] = 0; reads[1] = 0 }
    od
}

proctype judge() {
    timeout ->
        assert(copy[0].position == copy[1].position);
        assert(!(copy[0].cut && copy[1].cut) || copy[0].present[0] == copy[1].present[0] && copy[0].present[1] == copy[1].present[1])
}

init { atomic { run origin(); run survivor(0); run survivor(1); run judge() } }
