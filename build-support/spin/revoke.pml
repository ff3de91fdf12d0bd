/*
 * The revoke of one buffer that N importers have mapped, as spin sees it: written from the contract
 * (docs/contract.md), not from this program's code, to be held against `explore --exhaustive`.
 *
 *   -DN=2               how many importers
 *   -DENFORCED          a deadline, then the IOMMU closes and drains, then the memory is severed;
 *                       without it v7: every unmap is waited for, without bound, and nothing checks
 *   -DKILL              one importer's process may die at any time
 *   -DSILENT            importers never answer
 *   -DNO_DRAIN -DNO_BLOCK -DGUARD_READS_FIRST -DEARLY_HANDOVER -DNO_DEADLINE
 *                       mistakes, as in dev.dmabufsim.common.fault.Planted
 *
 * A late access that reaches the next owner is a failed assertion; a revoke that hangs is an invalid
 * end state. An engine may be slow by any time, and so may a message.
 */
#ifndef N
#define N 1
#endif

bool tenant = false;           /* whether the memory has its next owner */
bool severed = false;          /* whether it is gone */
bool permission[N] = true;     /* the IOMMU's slots */
bool in_flight[N];             /* and the engines' marks in them */
bool stopping[N];              /* the driver wants the engine to stop */
bool stopped[N];               /* and it has */
bool dead[N];
byte unmapped;                 /* how many importers have said so */

chan invalidate[N] = [1] of { bit };
chan close_buffer = [1] of { bit };
chan closed = [1] of { bit };  /* 1: drained */

/* The dead touch nothing, whatever they were at. */
inline access(i) {
  assert(dead[i] || !tenant || severed)
}

proctype engine(byte i) {
  bool granted;
  do
  :: atomic { stopping[i] -> stopped[i] = true } -> break
  :: dead[i] -> break
#ifdef SILENT
  :: true -> break           /* has nothing more to do; otherwise nothing would ever come to rest */
#endif
  :: !stopping[i] && !dead[i] ->
#ifdef ENFORCED
# ifdef GUARD_READS_FIRST
     granted = permission[i];
     in_flight[i] = true;
# else
     in_flight[i] = true;
     granted = permission[i];
# endif
     if
     :: granted -> access(i); access(i)
     :: else
     fi;
     if
     :: dead[i] -> break
     :: else -> in_flight[i] = false
     fi;
     if
     :: !granted -> break    /* a failed DMA: nothing more goes through this mapping */
     :: else
     fi
#else
     access(i);
     access(i)
#endif
  od
}

proctype importer(byte i) {
end:
  do
  :: dead[i] -> break
  :: invalidate[i]?1 ->
#ifdef SILENT
     break;
#endif
     stopping[i] = true;
     if
     :: stopped[i] || dead[i]
#ifdef ENFORCED
     :: !permission[i]       /* its engine may have ended by itself */
#endif
     fi;
     if
     :: atomic { !dead[i] -> unmapped++ }
     :: dead[i]
     fi;
     break
  od
}

#ifdef KILL
active proctype death() {
  byte i;
  select(i : 0 .. N - 1);
  if
  :: dead[i] = true
  :: skip
  fi
}
#endif

#ifdef ENFORCED
active proctype iommu() {
  byte i;
end:
  close_buffer?1;
# ifndef NO_BLOCK
  for (i : 0 .. N - 1) { permission[i] = false }
# endif
  i = 0;
  do
  :: i == N -> closed!1; break
# ifdef NO_DRAIN
  :: i < N -> i++
# else
  :: i < N && (!in_flight[i] || dead[i]) -> i++
  :: i < N && in_flight[i] && !dead[i] -> closed!0; break   /* its time is over */
# endif
  od
}
#endif

active proctype exporter() {
  byte i;
  bit drained;
  atomic { for (i : 0 .. N - 1) { run engine(i); run importer(i) } }
  for (i : 0 .. N - 1) { invalidate[i]!1 }
  if
  :: unmapped == N
#if defined(ENFORCED) && !defined(NO_DEADLINE)
  :: true                    /* the deadline */
#endif
#ifdef EARLY_HANDOVER
  :: true
#endif
  fi;
#if defined(ENFORCED) && !defined(EARLY_HANDOVER)
  close_buffer!1;
  closed?drained;
  if
  :: !drained -> severed = true
  :: else
  fi;
#endif
  tenant = true
}
