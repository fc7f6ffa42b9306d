/* The evidence rule: one NVA, one route, nodes A and B; A dies with bytes in flight. Asserted: the death alone
 * removes nothing that B has not itself seen withdrawn, and nothing outlives its withdrawal.
 * -DRULE is ours; weak: -DHOLD keeps A's copy, -DDROP drops it, -DNOTOMB forgets withdrawals before the death. */
chan cha=[4] of {bit}; chan chb=[4] of {bit}; chan chab=[4] of {bit};   /* NVA->A, NVA->B, A->B */
bit truth=0; byte tog=TOG; bit Aup=1, Adead=0; bit Brib=0, Btomb=0, rep=0;
bit sinceDeathWd=0, before, x, y, z;
#ifdef HOLD
#define EFF (Brib || rep)
#endif
#ifdef DROP
#define EFF (Brib || (rep && !Adead))
#endif
#ifdef NOTOMB
#define EFF (Brib || (rep && !(Adead && sinceDeathWd)))
#endif
#ifdef RULE
#define EFF (Brib || (rep && !(Adead && Btomb)))
#endif
active proctype nva(){ end: do :: atomic{ tog>0 -> tog--; truth=1-truth; if :: Aup -> cha!truth :: else fi; chb!truth } od }
active proctype na(){ end: do
 :: atomic{ Aup && nempty(cha) -> cha?x; chab!x; x=0 }
 :: atomic{ Aup -> Aup=0; do :: nempty(cha) -> cha?x :: empty(cha) -> break od;
      if :: true :: true -> do :: nempty(chab) -> chab?x :: empty(chab) -> break od fi; x=0 }   /* bytes in flight may be lost */
 od }
active proctype nb(){ end: do
 :: atomic{ nempty(chb) -> chb?y; if :: y==1 -> Brib=1; Btomb=0 :: else -> Brib=0; Btomb=1; if :: Adead -> sinceDeathWd=1 :: else fi fi; y=0 }
 :: atomic{ nempty(chab) -> chab?z; rep=z; z=0 }
 :: atomic{ !Aup && !Adead && empty(chab) -> before=EFF; Adead=1;
      assert(!(before && !(EFF) && truth && !Btomb)); before=0 }      /* death alone removes nothing */
 :: atomic{ Adead && empty(chb) && !truth -> assert(!(EFF)); break }  /* no zombie */
 od }
