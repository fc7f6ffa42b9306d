/* A stream with cuts: one origin, one replica that starts over (RESET), two routes and the End-of-RIB
 * fact. Every change moves its entry to the tail; the sender is a cursor, and what it sends last before
 * it has nothing more to send is a cut. Absence may be concluded there and nowhere else.
 *
 * Asserted: a route that was announced all the time is never swept (R5); at a cut the replica holds what the
 * origin held when the cut was made (R4).
 * Weak: -DBARRIER concludes where the End-of-RIB fact stands in the order; -DEARLY sweeps at the RESET. */
#ifndef CHANGES
#define CHANGES 4
#endif
#define FACT 2

typedef Message { byte entry; bit present; bit cut; byte snapshot };

chan wire = [3] of { Message };
byte version[3];      /* 0: not listed */
byte head = 0;
bit present[2];
bit always[2];        /* ghost: announced from the start on, never withdrawn */
byte changes = CHANGES;
bit copy[2], seen[2]; /* the replica's */

inline touch(e) { head++; version[e] = head }

proctype origin() {
    byte i;
    end: do
    :: atomic { changes > 0 -> changes--;
         if
         :: i = 0 :: i = 1
         fi;
         if
         :: present[i] = 1; touch(i)                  /* announced, perhaps again */
         :: present[i] = 0; always[i] = 0; touch(i)   /* withdrawn: a tombstone */
         :: version[FACT] == 0 -> touch(FACT)         /* End-of-RIB */
         fi }
    od
}

proctype sender() {
    byte position = 0, e, best, k;
    Message m;
    end: do
    :: atomic { position < head && nfull(wire) ->
         best = 255; e = 0; k = 0;
         do
         :: k < 3 -> if :: version[k] > position && version[k] < best -> best = version[k]; e = k :: else fi; k++
         :: else -> break
         od;
         position = best;
         m.entry = e;
         if :: e < FACT -> m.present = present[e] :: else -> m.present = 0 fi;
         m.cut = (position == head);
         m.snapshot = present[0] + 2 * present[1];
         wire ! m;
         best = 0; e = 0; k = 0 }
    od
}

inline sweep() {
    k = 0;
    do
    :: k < 2 ->
         assert(!(copy[k] && !seen[k] && always[k]));
         if :: !seen[k] -> copy[k] = 0 :: else fi;
         k++
    :: else -> break
    od;
    k = 0
}

proctype replica() {
    Message m;
    byte k;
    bit done = 0;
#ifdef EARLY
    atomic { sweep(); done = 1 }
#endif
    end: do
    :: atomic { wire ? m ->
         if
         :: m.entry < FACT -> copy[m.entry] = m.present; seen[m.entry] = 1
         :: else ->
#ifdef BARRIER
              if :: !done -> sweep(); done = 1 :: else fi
#else
              skip
#endif
         fi;
#ifndef BARRIER
         if :: m.cut && !done -> sweep(); done = 1 :: else fi;
         if :: m.cut -> assert(copy[0] + 2 * copy[1] == m.snapshot) :: else fi
#else
         skip
#endif
       }
    od
}

init {
    atomic {
        copy[0] = 1; copy[1] = 1;      /* from before the RESET */
        present[0] = 1; always[0] = 1; touch(0);
        present[1] = 1; always[1] = 1; touch(1);
        run origin(); run sender(); run replica()
    }
}
