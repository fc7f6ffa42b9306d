/* The fence in the target: two nodes write one table, with crashes whose requests arrive late, lost replies and
 * wrong suspicions. Asserted: the epoch never decreases (F1), each has one owner (F2), a write comes from the
 * owner or takes over (F3), a route is removed with evidence of its withdrawal only (I1).
 * TOG NVA changes, CR crashes, SU suspicions. Weak: -DDELUNK deletes what it does not know at a takeover,
 * -DETAGONLY knows no owner, -DNOFENCE writes without a condition. */
#define UNK 0
#define LIVE 1
#define WDR 2
typedef V { byte a[2] };
typedef P { bit on; byte inc; byte etag; byte ep; byte tbl; byte evid; bit bump };
byte tEp=0, tOwn=99, tEtag=0, tTbl=3;   /* the target: epoch, owner, etag, content */
byte ownerOf[12];                        /* ghost: epoch -> owner+1 */
byte truth=3; byte toggles=TOG; byte crashes=CR; byte susp=SU;
V view[2]; P pend[4]; bit resp[2]; bit respok[2];
bit alive[2]; byte myEp[2]; bit role[2]; byte inc[2];
#define ID(n,i) (n+2*(i))
inline apply(s,n) {
  d_step {
    if
#ifdef NOFENCE
    :: true ->
#else
    :: (pend[s].etag == tEtag) ->
#endif
       assert(pend[s].ep >= tEp);                                                    /* F1 */
       assert(pend[s].bump || tOwn == ID(n,pend[s].inc));                            /* F3 */
       assert(ownerOf[pend[s].ep]==0 || ownerOf[pend[s].ep]==ID(n,pend[s].inc)+1);   /* F2 */
       ownerOf[pend[s].ep]=ID(n,pend[s].inc)+1;
       assert(((tTbl & ~pend[s].tbl) & ~pend[s].evid)==0);                           /* I1 */
       tEp=pend[s].ep; tOwn=ID(n,pend[s].inc); tTbl=pend[s].tbl; tEtag=(tEtag+1)%16;
       if :: alive[n] && pend[s].inc==inc[n] -> resp[n]=1; respok[n]=1; myEp[n]=pend[s].ep :: else fi
#ifndef NOFENCE
    :: else -> if :: alive[n] && pend[s].inc==inc[n] -> resp[n]=1; respok[n]=0 :: else fi
#endif
    fi;
    pend[s].on=0; pend[s].inc=0; pend[s].etag=0; pend[s].ep=0; pend[s].tbl=0; pend[s].evid=0; pend[s].bump=0
  }
}
active proctype Net() { end: do
 :: atomic { pend[0].on -> apply(0,0) } :: atomic { pend[1].on -> apply(1,1) }
 :: atomic { pend[2].on -> apply(2,0) } :: atomic { pend[3].on -> apply(3,1) } od }
active proctype Env() { end: do :: atomic { toggles>0 -> toggles--; truth = truth ^ 1 } od }
inline evalr(k,bitv) {
  if :: view[n].a[k]==LIVE -> want=want|bitv :: view[n].a[k]==WDR -> ev=ev|bitv
     :: view[n].a[k]==UNK ->
#ifndef DELUNK
             want=want|(gTbl&bitv)      /* inherit what the target has */
#else
             skip
#endif
  fi }
inline send(e,b) { pend[s].inc=inc[n]; pend[s].etag=gEtag; pend[s].ep=e; pend[s].tbl=want; pend[s].evid=ev; pend[s].bump=b; pend[s].on=1 }
proctype Node(byte n) {
  byte gEp,gOwn,gEtag,gTbl,want,ev,s; bit ph=0; bit sus=0;
end: do
  :: atomic { alive[n] && view[n].a[0]!=(truth&1->LIVE:WDR) -> view[n].a[0]=(truth&1->LIVE:WDR) }
  :: atomic { alive[n] && view[n].a[1]!=(truth&2->LIVE:WDR) -> view[n].a[1]=(truth&2->LIVE:WDR) }
  :: atomic { alive[n] && !sus && susp>0 && !role[n] && ph==0 -> susp--; sus=1 }
  :: atomic { alive[n] && ph==0 && !pend[n+2*(inc[n]&1)].on && !resp[n] && (role[n]||sus) ->
       gEp=tEp; gOwn=tOwn; gEtag=tEtag; gTbl=tTbl; ph=1 }
  :: atomic { alive[n] && ph==1 ->
       want=0; ev=0; evalr(0,1); evalr(1,2); s=n+2*(inc[n]&1);
#ifdef ETAGONLY
       if :: role[n] && want!=gTbl -> send(gEp,0) :: role[n] && want==gTbl -> skip :: !role[n] -> send(gEp+1,1) fi;
       sus=0;
#else
       if
       :: gOwn==ID(n,inc[n]) && gEp==myEp[n] && role[n] -> if :: want!=gTbl -> send(gEp,0) :: else fi
       :: !(gOwn==ID(n,inc[n]) && gEp==myEp[n] && role[n]) && sus -> send(gEp+1,1); sus=0; role[n]=0
       :: else -> role[n]=0; sus=0
       fi;
#endif
       ph=0; gEp=0; gOwn=0; gEtag=0; gTbl=0; want=0; ev=0; s=0
     }
  :: atomic { alive[n] && resp[n] -> resp[n]=0;
       if :: respok[n] -> role[n]=1; respok[n]=0
          :: else ->
#ifndef ETAGONLY
            role[n]=0
#else
            skip
#endif
       fi }
  :: atomic { alive[n] && crashes>0 -> crashes--; alive[n]=0; inc[n]++; role[n]=0; ph=0; sus=0; resp[n]=0; respok[n]=0;
       view[n].a[0]=UNK; view[n].a[1]=UNK; myEp[n]=0; gEp=0; gOwn=0; gEtag=0; gTbl=0 }
  :: atomic { !alive[n] -> alive[n]=1 }
  od }
init { atomic { alive[0]=1; alive[1]=1; run Node(0); run Node(1) } }
