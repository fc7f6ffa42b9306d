/* Hold timers over a pause of the process: a peer that sends a keepalive every tick, a node that may be
 * stopped for a while. What the peer sends meanwhile waits in the socket (SIGSTOP), or is lost and comes
 * again a little after the node is back (a pause of the machine). Asserted: no session ends for silence
 * while something of its peer is unread or on its way (D4); a peer that is really silent is noticed.
 *
 * Ours: one turn reads every socket first, and after a gap gives everybody a moment before it judges.
 * Weak: -DTIMERS_FIRST judges before it reads, as libuv before 1.45 orders a loop; -DNO_REARM reads first but
 * gives nobody a moment. */
#define HOLD 3
#define GAP 2
#define MOMENT 2
#define END 26

byte now = 0, turned = 0, deadline = HOLD;
byte pauses = 2;
bit unread = 0, on_its_way = 0;
bit silent = 0, expired = 0;
byte silent_since = 0;

inline read_socket() {
    if :: unread -> unread = 0; deadline = now + HOLD :: else fi;
    if :: on_its_way -> on_its_way = 0; unread = 1 :: else fi
}

inline judge() {
    if
    :: now >= deadline -> expired = 1; assert(silent && !unread && !on_its_way)
    :: else -> skip
    fi
}

inline turn() {
#ifdef TIMERS_FIRST
    judge();
    read_socket();
#else
#ifndef NO_REARM
    if :: now - turned > GAP && deadline < now + MOMENT -> deadline = now + MOMENT :: else fi;
#endif
    read_socket();
    judge();
#endif
    turned = now
}

active proctype world() {
    byte left = 0;
    bit machine = 0;
    do
    :: atomic { now < END && !expired && left == 0 ->        /* the node runs */
         now++;
         if :: !silent -> unread = 1 :: else fi;
         turn() }
    :: atomic { left > 0 ->                                  /* it is stopped */
         now++;
         left--;
         if :: !silent && !machine -> unread = 1 :: !silent && machine -> on_its_way = 1 :: else fi }
    :: atomic { now < END - 8 && !expired && left == 0 && pauses > 0 ->
         pauses--;
         if :: left = 3 :: left = 5 fi;
         if :: machine = 0 :: machine = 1 fi }
    :: atomic { !silent && !expired && now > 0 -> silent = 1; silent_since = now }
    :: expired || (now >= END && left == 0) -> break
    od;
    assert(expired || !silent || now < silent_since + HOLD + 2 * (5 + MOMENT) + 1)
}
