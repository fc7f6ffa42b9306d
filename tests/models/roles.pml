/* Who writes a shared target when the nodes cannot hear each other: each takes the other for dead. In rounds: each
 * node that lives acts once in a round, in any order. A pause of a node is some rounds that it misses, a crash
 * all of them. The owner's beat in the target is what a fenced node watches.
 *
 * Asserted: no more takeovers than faults, and the one that the partition itself brings (F5, no duel).
 * Claimed for ever, under weak fairness: a target whose owner is gone gets another one (L1).
 * Weak: -DNO_WATCH tries again after a back-off whatever the beat says: a duel. -DNEVER does not try again:
 * not served. */
#define STANDBY 0
#define ACTIVE 1
#define FENCED 2
#define SILENT 3    /* rounds without a beat */
#define BACK_OFF 2  /* rounds, at least */

byte owner = 0, role[2], still[2], quiet[2], missed[2];
byte beat, seen[2]; /* modulo 4: two beats between two looks are not none */
bit did[2], gone[2];
#define PAUSES 2
#define CRASHES 1

byte pauses = PAUSES, crashes = CRASHES, takeovers = 0;

inline fence_off(n) { role[n] = FENCED; quiet[n] = BACK_OFF; still[n] = 0; seen[n] = beat }

inline watch(n) {
    if
    :: seen[n] != beat -> seen[n] = beat; still[n] = 0
    :: else -> if :: still[n] < SILENT -> still[n]++ :: else fi
    fi
}

inline take(n) {
    takeovers++;
    assert(takeovers <= 1 + PAUSES + CRASHES);
    owner = n; role[n] = ACTIVE; beat = (beat + 1) % 4
}

inline act(n) {
    if
    :: role[n] == ACTIVE && owner == n -> beat = (beat + 1) % 4
    :: role[n] == ACTIVE && owner != n -> fence_off(n)
    :: role[n] == STANDBY -> take(n)          /* it hears nobody */
    :: role[n] == FENCED ->
         watch(n);
         if :: quiet[n] > 0 -> quiet[n]-- :: else fi;
#ifdef NO_WATCH
         if :: quiet[n] == 0 -> take(n) :: else fi
#else
#ifndef NEVER
         if :: quiet[n] == 0 && still[n] == SILENT -> take(n) :: else fi
#endif
#endif
    fi
}

proctype node(byte n) {
    end: do
    :: atomic { !gone[n] && !did[n] && missed[n] == 0 -> act(n); did[n] = 1 }
    :: atomic { !gone[n] && !did[n] && missed[n] > 0 -> missed[n]--; did[n] = 1 }
    :: atomic { !gone[n] && pauses > 0 && missed[n] == 0 -> pauses--; missed[n] = SILENT + 2 }
    :: atomic { !gone[n] && !gone[1 - n] && crashes > 0 -> crashes--; gone[n] = 1; did[n] = 1 }
    od
}

proctype rounds() {
    end: do
    :: atomic { did[0] && did[1] -> did[0] = gone[0]; did[1] = gone[1] }
    od
}

init { atomic { role[0] = ACTIVE; role[1] = STANDBY; run node(0); run node(1); run rounds() } }

#ifdef FOREVER
ltl served { [] <> !gone[owner] }
#endif
