/* P7: agreement with crash and restart, message loss, leader change, trimming and reconfiguration, switched on one by one.
 *
 * Multi-Paxos as in packages/paxos/src; README.md says what stands for what. Run by `npm run model`.
 *
 * Switches (-D)
 *   DECREES=n        decrees 1..n                              (default 1)
 *   BALLOTS1=n       ballots of the first legislature          (default 1)
 *   PROPOSERS=n      members that may lead it, 1 or 2: with 2, leaders change
 *   LOSS             messages are late, lost, repeated, overtaken; without it all that was sent arrives before anything
 *                    else happens
 *   CRASHES=n        so many crashes in all; what was not flushed is forgotten
 *   WIPE             one crash takes the disk along: that member never votes again (its name comes back as another member)
 *   TRIM             members forget decrees that they know to be chosen, and teach by snapshot
 *   REPLACE | GROW   reconfiguration: {0,1,2} -> {0,1,3}, or {0} -> {0,1,2}; BALLOTS2=n ballots of the second legislature
 *   MUST_DECIDE      ends of runs where something is undecided are errors
 *   REACH_...        asserts that something never happens which should: expected to fail, else the model is vacuous
 *   BUG_...          a planted mistake: expected to fail
 */
#ifndef DECREES
#define DECREES 1
#endif
#ifndef BALLOTS1
#define BALLOTS1 1
#endif
#ifndef PROPOSERS
#define PROPOSERS 1
#endif
#ifndef BALLOTS2
#define BALLOTS2 0
#endif
#define BALLOTS (BALLOTS1 + BALLOTS2)
#if BALLOTS > 7
#error at most 7 ballots: a vote is one byte
#endif

/* Members as bits. OWNER: whose ballot it is. Ballots of the second legislature are above all of the first, as ballots
 * of different legislatures are never compared. */
#ifdef REPLACE
#define RECONFIGURE
#define MEMBERS_ALL 4
#define MEMBERS1 7
#define MEMBERS2 11
#define OWNER(b) ((b) <= BALLOTS1 -> ((b) - 1) % PROPOSERS : ((b) - BALLOTS1 == 2 -> 0 : 3))
#else
#define MEMBERS_ALL 3
#define MEMBERS2 7
#ifdef GROW
#define RECONFIGURE
#define MEMBERS1 1
#define OWNER(b) ((b) <= BALLOTS1 -> 0 : ((b) - BALLOTS1 == 2 -> 0 : 1))
#else
#define MEMBERS1 7
#define OWNER(b) (((b) - 1) % PROPOSERS)
#endif
#endif
#define LEGISLATURE_OF(b) ((b) <= BALLOTS1 -> 1 : 2)
#define MEMBERS(legislature) ((legislature) == 1 -> MEMBERS1 : MEMBERS2)
#define BIT(a) (1 << (a))
#define COUNT(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1) + (((m) >> 3) & 1))
#define IS_QUORUM(m, legislature) \
  (COUNT((m) & MEMBERS(legislature)) > COUNT(MEMBERS(legislature)) / 2)

/* How a leader judges what it has collected. */
#if defined(BUG_COUNT_MESSAGES)
/* Answers are counted, not members: as each may come again, any one is a quorum sooner or later. */
#define HAS_QUORUM(m, b) ((m) != 0)
#elif defined(BUG_OLD_QUORUM)
/* The membership under which the process was started, for ever. */
#define HAS_QUORUM(m, b) IS_QUORUM(m, 1)
#else
#define HAS_QUORUM(m, b) IS_QUORUM(m, LEGISLATURE_OF(b))
#endif

/* A leader's own value is its ballot: Paxos never looks into values, so values that all differ are the general case. */
#define NOOP 8
#define STOP 9
#ifdef BUG_PREPARE_BEFORE_FLUSH
#define OWN_VALUE(b) ((b) + (crashes > 0 -> 16 : 0))
#else
#define OWN_VALUE(b) (b)
#endif

/* A vote is (ballot, value) in a byte, so that the highest vote is that of the highest ballot. */
#define VOTE(b, v) (((b) << 5) | (v))
#define BALLOT_OF(vote) ((vote) >> 5)
#define VALUE_OF(vote) ((vote) & 31)

#define AT(a, d) ((a) * DECREES + (d) - 1)
#define SENT(b, d) (((b) - 1) * DECREES + (d) - 1)
#define TOLD(b, a) (((b) - 1) * MEMBERS_ALL + (a))
#define TOLD_VOTE(b, a, d) (TOLD(b, a) * DECREES + (d) - 1)

/* ── members: what each knows ── */
byte promised[MEMBERS_ALL];
byte vote[MEMBERS_ALL * DECREES];
byte chosen[MEMBERS_ALL];          /* all decrees up to it are known to be chosen, and held or applied */
byte candidate[MEMBERS_ALL];       /* the ballot stood for, 0 when none */
byte leader[MEMBERS_ALL];          /* the ballot led, 0 when none */
#ifdef CRASHES
/* What is on disk. The rest is lost in a crash. */
byte promisedDurable[MEMBERS_ALL];
byte voteDurable[MEMBERS_ALL * DECREES];
byte base[MEMBERS_ALL];            /* decrees up to it are final: chosen and applied, durably */
byte baseDurable[MEMBERS_ALL];
byte answering[MEMBERS_ALL];       /* ballot whose Prepare is answered after the flush */
byte crashes;
#ifdef BUG_TRIM_FORGETS_PROMISE
bit trims[MEMBERS_ALL];
#endif
byte victims;                      /* members that may still crash. The others flush at once, as nobody can tell */
#endif
#ifdef WIPE
byte wiped;                        /* the bit of the member that has lost its disk */
#endif
byte fence[MEMBERS_ALL];           /* what each has said it has promised: for the invariant alone */

/* ── messages: sets of all that was ever sent. Not to be received yet is to be late, never is to be lost. ── */
byte prepare;                      /* bit per ballot */
byte prepareOk[BALLOTS + 1];       /* per ballot, members whose answer has left */
byte prepareOkChosen[BALLOTS * MEMBERS_ALL];
byte prepareOkVote[BALLOTS * MEMBERS_ALL * DECREES];
byte accept[BALLOTS * DECREES];    /* the value */
byte acceptOk[BALLOTS * DECREES];  /* members */
byte announced[BALLOTS + 1];       /* decrees up to it are chosen, says the leader of the ballot */

/* ── the truth, which no member sees ── */
byte decree[DECREES + 1];          /* value that a quorum has accepted in one ballot */
byte stopAt;                       /* the decree that is a reconfiguration */
bit inSecond[DECREES + 1];         /* the decree was chosen in the second legislature */
#ifdef REACH_LEARNT
bit learnt;
#endif

hidden byte i;
hidden byte n;
hidden byte k;
hidden byte last;
hidden byte best;
hidden byte stopVote;

#if defined(WIPE) && !defined(BUG_AMNESIAC_VOTES)
#define HAS_DISK(a) (wiped != BIT(a))
#else
#define HAS_DISK(a) true
#endif
#ifdef RECONFIGURE
#define LEGISLATURE(a) ((stopAt != 0 && chosen[a] >= stopAt) -> 2 : 1)
#define VOTES_IN(a, b) (HAS_DISK(a) && LEGISLATURE(a) == LEGISLATURE_OF(b) && (MEMBERS(LEGISLATURE_OF(b)) & BIT(a)) != 0)
#else
#define VOTES_IN(a, b) HAS_DISK(a)
#endif

/* What happens of itself, by a timer, a client or bad luck. */
#ifdef LOSS
#define SPONTANEOUS true
#else
#define SPONTANEOUS timeout
#endif

/* ── invariants ── */

/* Consequences of a broken promise are looked for with ONLY_AGREEMENT. */
inline keepsPromise(a, b) {
#ifndef ONLY_AGREEMENT
  assert((b) >= fence[a])
#else
  skip
#endif
}

/* A vote is durable and may be counted: is the decree chosen by it? */
inline voted(a, b, d, v) {
  fence[a] = (fence[a] > (b) -> fence[a] : (b));
  acceptOk[SENT(b, d)] = acceptOk[SENT(b, d)] | BIT(a);
  if
  :: IS_QUORUM(acceptOk[SENT(b, d)], LEGISLATURE_OF(b)) ->
    assert(decree[d] == 0 || decree[d] == (v));                       /* agreement */
    assert((d) == 1 || decree[(d) - 1] != 0);                         /* order: no decree before the one before it */
    if
    :: decree[d] == 0 ->
      printf("          decree %d is chosen: value %d, ballot %d\n", d, v, b);
      decree[d] = v;
      inSecond[d] = (LEGISLATURE_OF(b) == 2);
      assert(stopAt == 0 || (d) <= stopAt || LEGISLATURE_OF(b) == 2); /* nothing behind a stop sign in its legislature */
      if
      :: (v) == STOP ->
        stopAt = d;
        i = (d) + 1;
        do
        :: i <= DECREES -> assert(decree[i] == 0); i++
        :: else -> break
        od
      :: else
      fi
    :: else
    fi;
#ifdef REACH_ALL
    assert(decree[DECREES] == 0);
#endif
#ifdef REACH_SECOND_LEGISLATURE
    assert(!inSecond[DECREES]);
#endif
#ifdef REACH_AFTER_CRASH
    assert(crashes == 0 || (d) < DECREES || (b) == 1);
#endif
#ifdef REACH_LEARNT
    assert(!learnt || (d) < DECREES);
#endif
  :: else
  fi
}

/* A member takes a decree for chosen, and applies it. */
inline decide(a, d, v) {
  printf("member %d  takes decree %d for chosen: value %d\n", a, d, v);
  assert(decree[d] != 0 && decree[d] == (v));
  chosen[a] = d;
#ifndef CRASHES
  forget(a, d);
#endif
  enterLegislature(a)
}

/* ── durability ── */

#ifdef CRASHES
#define IS_DIRTY(a) \
  (promised[a] != promisedDurable[a] || answering[a] != 0 || base[a] != baseDurable[a] || \
   vote[AT(a, 1)] != voteDurable[AT(a, 1)] || vote[AT(a, DECREES)] != voteDurable[AT(a, DECREES)] || \
   vote[AT(a, (DECREES + 1) / 2)] != voteDurable[AT(a, (DECREES + 1) / 2)])
#if DECREES > 3
#error IS_DIRTY looks at three decrees
#endif
#endif

/* The answer to a Prepare leaves, when there still is who waits for it. */
inline answerPrepare(a, b) {
  fence[a] = (fence[a] > (b) -> fence[a] : (b));
  if
  :: candidate[OWNER(b)] == (b) ->
    prepareOk[b] = prepareOk[b] | BIT(a);
    if
    :: OWNER(b) == (a) -> prepare = prepare | BIT(b)                  /* the own promise first, then the question to others */
    :: else
    fi
  :: else
  fi
}

inline flush(a) {
  printf("member %d  flushes\n", a);
  n = 1;
  do
  :: n <= DECREES ->
    if
    :: vote[AT(a, n)] != voteDurable[AT(a, n)] ->
      voteDurable[AT(a, n)] = vote[AT(a, n)];
#ifndef BUG_NO_FLUSH
      if
      :: vote[AT(a, n)] != 0 -> voted(a, BALLOT_OF(vote[AT(a, n)]), n, VALUE_OF(vote[AT(a, n)]))
      :: else
      fi
#endif
    :: else
    fi;
    n++
  :: else -> break
  od;
  promisedDurable[a] = promised[a];
  fence[a] = (fence[a] > promised[a] -> fence[a] : promised[a]);
#ifdef BUG_TRIM_FORGETS_PROMISE
  /* The base record has no room for the promise, and the record that had it is gone. */
  if
  :: trims[a] && answering[a] == 0 ->
    trims[a] = false;
    promisedDurable[a] = 0;
    n = 1;
    do
    :: n <= DECREES ->
      if
      :: BALLOT_OF(voteDurable[AT(a, n)]) > promisedDurable[a] -> promisedDurable[a] = BALLOT_OF(voteDurable[AT(a, n)])
      :: else
      fi;
      n++
    :: else -> break
    od
  :: else
  fi;
#endif
  baseDurable[a] = base[a];
  if
  :: answering[a] != 0 -> answerPrepare(a, answering[a]); answering[a] = 0
  :: else
  fi
}

inline restart(a) {
  printf("member %d  crashes and restarts\n", a);
  crashes++;
  if
  :: crashes == CRASHES -> victims = 0
  :: else
  fi;
  becomeFollower(a);
  if
  :: answering[a] != 0 -> unanswer(a, answering[a]); answering[a] = 0
  :: else
  fi;
  promised[a] = promisedDurable[a];
  base[a] = baseDurable[a];
  chosen[a] = base[a];
  n = 1;
  do
  :: n <= DECREES -> vote[AT(a, n)] = voteDurable[AT(a, n)]; n++
  :: else -> break
  od
}

#ifdef WIPE
inline wipe(a) {
  printf("member %d  loses its disk\n", a);
  wiped = BIT(a);
  promisedDurable[a] = 0;
  baseDurable[a] = 0;
  n = 1;
  do
  :: n <= DECREES -> voteDurable[AT(a, n)] = 0; n++
  :: else -> break
  od;
  restart(a)
}
#endif

/* Decrees up to `chosen` are final here: what was voted on the way is forgotten. */
inline raiseBase(a) {
#ifdef CRASHES
  printf("member %d  writes its base: decrees up to %d are final\n", a, chosen[a]);
  base[a] = chosen[a];
#endif
  forget(a, chosen[a])
}

inline forget(a, through) {
  k = 1;
  do
  :: k <= (through) -> vote[AT(a, k)] = 0; k++
  :: else -> break
  od
}

/* ── phase 1 ── */

inline noLongerStands(a) {
  if
  :: candidate[a] != 0 ->
    prepareOk[candidate[a]] = 0;
    n = 0;
    do
    :: n < MEMBERS_ALL -> unanswer(n, candidate[a]); n++
    :: else -> break
    od;
    candidate[a] = 0
  :: else
  fi
}

inline unanswer(a, b) {
  prepareOkChosen[TOLD(b, a)] = 0;
  i = 1;
  do
  :: i <= DECREES -> prepareOkVote[TOLD_VOTE(b, a, i)] = 0; i++
  :: else -> break
  od
}

inline becomeFollower(a) {
  noLongerStands(a);
  leader[a] = 0
}

/* What was accepted in a legislature that has ended is void. */
#ifdef RECONFIGURE
#define IS_OF_NOW(vote, b) (LEGISLATURE_OF(BALLOT_OF(vote)) == LEGISLATURE_OF(b))
#else
#define IS_OF_NOW(vote, b) true
#endif

/* The open suffix as of now; it leaves after the flush. */
inline promise(a, b) {
  printf("member %d  promises ballot %d\n", a, b);
  keepsPromise(a, b);
  promised[a] = b;
  if
  :: candidate[OWNER(b)] == (b) ->
    prepareOkChosen[TOLD(b, a)] = chosen[a];
    i = chosen[a] + 1;
    do
    :: i <= DECREES ->
      prepareOkVote[TOLD_VOTE(b, a, i)] = (IS_OF_NOW(vote[AT(a, i)], b) -> vote[AT(a, i)] : 0);
      i++
    :: else -> break
    od;
#ifdef CRASHES
    answering[a] = b;
#ifdef BUG_NO_FLUSH
    answerPrepare(a, b)
#endif
#ifdef BUG_PREPARE_BEFORE_FLUSH
    prepare = prepare | BIT(b)
#endif
#else
    answerPrepare(a, b)
#endif
  :: else
  fi
}

inline becomeCandidate(a, b) {
  printf("member %d  stands with ballot %d\n", a, b);
  becomeFollower(a);
  candidate[a] = b;
  promise(a, b)
}

inline onPrepare(a, b) {
  if
  :: (b) > promised[a] -> becomeFollower(a)
  :: else
  fi;
  promise(a, b)
}

/* ── phase 2 ── */

/* Also a promise. The answer leaves after the flush. */
inline acceptValue(a, b, d, v) {
  printf("member %d  accepts decree %d in ballot %d: value %d\n", a, d, b, v);
  keepsPromise(a, b);
  promised[a] = b;
  vote[AT(a, d)] = VOTE(b, v);
#ifdef CRASHES
  /* The record says too what was known to be chosen. */
  base[a] = chosen[a];
  forget(a, chosen[a]);
#ifdef BUG_NO_FLUSH
  voted(a, b, d, v)
#endif
#else
  voted(a, b, d, v)
#endif
}

inline onAccept(a, b, d) {
  if
  :: (b) > promised[a] -> becomeFollower(a)
  :: else
  fi;
  acceptValue(a, b, d, accept[SENT(b, d)])
}

/* The leader's own acceptor is asked first. */
inline passDecree(a, b, d, v) {
  accept[SENT(b, d)] = v;
  acceptValue(a, b, d, v)
}

/* Highest number in `accept` of this ballot, or what was chosen when the reign began. */
inline findLast(a, b) {
  last = chosen[a];
  n = last + 1;
  do
  :: n <= DECREES ->
    if
    :: accept[SENT(b, n)] != 0 -> last = n
    :: else
    fi;
    n++
  :: else -> break
  od
}

/* The vote that counts for decree d among those of `m`. */
inline findBest(b, d, m) {
  best = 0;
  i = 0;
  do
  :: i < MEMBERS_ALL ->
    if
#ifdef BUG_LOWEST_BALLOT_VALUE
    :: ((m) & BIT(i)) != 0 && prepareOkVote[TOLD_VOTE(b, i, d)] != 0 &&
       (best == 0 || prepareOkVote[TOLD_VOTE(b, i, d)] < best) -> best = prepareOkVote[TOLD_VOTE(b, i, d)]
#else
    :: ((m) & BIT(i)) != 0 && prepareOkVote[TOLD_VOTE(b, i, d)] > best -> best = prepareOkVote[TOLD_VOTE(b, i, d)]
#endif
    :: else
    fi;
    i++
  :: else -> break
  od
}

/* What may have been chosen is proposed again, nothing goes behind a stop sign. */
inline becomeLeader(a, b, m) {
  last = chosen[a];
  n = last + 1;
  do
  :: n <= DECREES ->
    findBest(b, n, m);
    if
    :: best != 0 -> last = n
    :: else
    fi;
    n++;
#ifndef BUG_KEEPS_BEHIND_STOP_SIGN
    if
    :: VALUE_OF(best) == STOP ->
#ifndef ONLY_AGREEMENT
      stopVote = best;
      do
      :: n <= DECREES -> findBest(b, n, m); assert(BALLOT_OF(best) < BALLOT_OF(stopVote)); n++
      :: else -> break
      od;
#endif
      break
    :: else
    fi
#endif
  :: else -> break
  od;
  n = chosen[a] + 1;
  do
  :: n <= last ->
    findBest(b, n, m);
#ifndef ONLY_AGREEMENT
    assert(best != 0);                                                /* contiguous: no holes below what was told */
#endif
    accept[SENT(b, n)] = (best != 0 -> VALUE_OF(best) : NOOP);
    n++
  :: else -> break
  od;
  printf("member %d  leads in ballot %d, by the answers of members (bits) %d\n", a, b, m);
  noLongerStands(a);
  leader[a] = b;
  n = chosen[a] + 1;
  do
  :: n <= last -> passDecree(a, b, n, accept[SENT(b, n)]); n++
  :: else -> break
  od
}

/* In the next legislature nothing of the last one is open, and nobody leads. It is not written down by itself: who
 * restarts before it has voted there finds itself in the last one, with its promise. */
inline enterLegislature(a) {
#ifdef RECONFIGURE
  if
  :: stopAt != 0 && chosen[a] == stopAt ->
#ifdef BUG_NO_PHASE_1
    best = leader[a];
#endif
    becomeFollower(a);
#ifndef CRASHES
    forget(a, DECREES);
#endif
#ifdef BUG_NO_PHASE_1
    /* The leader goes on in the next legislature by what it was told in the last one. */
    if
    :: best != 0 && OWNER(BALLOTS) == (a) -> leader[a] = BALLOTS
    :: else
    fi
#endif
  :: else
  fi
#else
  skip
#endif
}

/* The end of each step. Messages that nobody will take any more are removed: fewer states, the same behaviour. */
#ifdef CRASHES
#define FLOOR promisedDurable
#else
#define FLOOR promised
#endif
#define IS_PAST(a, b) (FLOOR[a] > (b) || (MEMBERS(LEGISLATURE_OF(b)) & BIT(a)) == 0)
inline settle(a) {
#ifdef CRASHES
  if
  :: (victims & BIT(a)) == 0 && IS_DIRTY(a) -> flush(a)
  :: else
  fi;
#endif
  n = 1;
  do
  :: n <= BALLOTS ->
    if
    :: ((prepare & BIT(n)) != 0 || accept[SENT(n, 1)] != 0 || accept[SENT(n, DECREES)] != 0 || acceptOk[SENT(n, 1)] != 0) &&
       IS_PAST(0, n) && IS_PAST(1, n) && IS_PAST(2, n) && IS_PAST(MEMBERS_ALL - 1, n) && leader[OWNER(n)] != n ->
      prepare = prepare & ~BIT(n);
      i = 1;
      do
      :: i <= DECREES -> accept[SENT(n, i)] = 0; acceptOk[SENT(n, i)] = 0; i++
      :: else -> break
      od
    :: else
    fi;
    n++
  :: else -> break
  od;
  skip
}

/* ── what may happen to member a ── */

#ifdef BUG_LEADS_BEHIND
#define HOLDS_WHAT_WAS_TOLD(a, b, m) true
#else
#define KNOWS(a, b, m, q) (((m) & BIT(q)) == 0 || prepareOkChosen[TOLD(b, q)] <= chosen[a])
#if MEMBERS_ALL == 4
#define HOLDS_WHAT_WAS_TOLD(a, b, m) (KNOWS(a, b, m, 0) && KNOWS(a, b, m, 1) && KNOWS(a, b, m, 2) && KNOWS(a, b, m, 3))
#else
#define HOLDS_WHAT_WAS_TOLD(a, b, m) (KNOWS(a, b, m, 0) && KNOWS(a, b, m, 1) && KNOWS(a, b, m, 2))
#endif
#endif

#ifdef BUG_GAPS
#define IS_NEXT(a, b, d) true
#else
/* Contiguous: the one before is held in the same ballot, or chosen. */
#define IS_NEXT(a, b, d) \
  ((d) == 1 || chosen[a] >= (d) - 1 || announced[b] >= (d) - 1 || BALLOT_OF(vote[AT(a, (d) - 1)]) == (b))
#endif

#define STAND(b) \
  :: atomic { SPONTANEOUS && OWNER(b) == me && (b) > promised[me] && VOTES_IN(me, b) -> d_step { becomeCandidate(me, b); settle(me) } }

#define HEAR_PREPARE(b) \
  :: d_step { (prepare & BIT(b)) != 0 && VOTES_IN(me, b) && OWNER(b) != me && \
      ((b) > promised[me] || \
       ((b) == promised[me] && candidate[OWNER(b)] == (b) && (prepareOk[b] & BIT(me)) == 0 && !IS_ANSWERING(b))) -> \
      onPrepare(me, b); settle(me) }
#ifdef CRASHES
#define IS_ANSWERING(b) (answering[me] == (b))
#else
#define IS_ANSWERING(b) false
#endif

#define LEAD(b, m) \
  :: d_step { candidate[me] == (b) && OWNER(b) == me && (prepareOk[b] & (m)) == (m) && HAS_QUORUM(m, b) && \
      HOLDS_WHAT_WAS_TOLD(me, b, m) -> becomeLeader(me, b, m); settle(me) }
/* All sets that can be a quorum, or pass for one. */
#ifdef BUG_COUNT_MESSAGES
#define LEAD_ALONE(b) LEAD(b, 1) LEAD(b, 2) LEAD(b, 4)
#elif defined(GROW)
#define LEAD_ALONE(b) LEAD(b, 1)
#else
#define LEAD_ALONE(b)
#endif
#ifdef REPLACE
#define LEAD_WITH_NEW(b) LEAD(b, 9) LEAD(b, 10) LEAD(b, 11)
#else
#define LEAD_WITH_NEW(b)
#endif
#define LEAD_BY_SOME(b) LEAD_ALONE(b) LEAD_WITH_NEW(b) LEAD(b, 3) LEAD(b, 5) LEAD(b, 6) LEAD(b, 7)

/* The next number is d: all before it are chosen or in flight, and none of those is a stop sign. */
#ifdef BUG_NO_STOP_SIGN
#define IS_FREE(b, d) true
#else
#define IS_FREE(b, d) ((d) == 1 || accept[SENT(b, (d) - ((d) > 1 -> 1 : 0))] != STOP)
#endif
#define NEXT_IS(b, d) \
  (accept[SENT(b, d)] == 0 && ((d) == 1 || chosen[me] >= (d) - 1 || accept[SENT(b, (d) - ((d) > 1 -> 1 : 0))] != 0))

#define PROPOSE_VALUE(b, d, v) \
  :: atomic { SPONTANEOUS && OWNER(b) == me && leader[me] == (b) && chosen[me] < (d) && NEXT_IS(b, d) && IS_FREE(b, d) -> \
      d_step { passDecree(me, b, d, v); settle(me) } }
#ifdef RECONFIGURE
#define PROPOSE(b, d) PROPOSE_VALUE(b, d, OWN_VALUE(b)) \
  :: atomic { SPONTANEOUS && (b) <= BALLOTS1 && OWNER(b) == me && leader[me] == (b) && chosen[me] < (d) && \
      NEXT_IS(b, d) && IS_FREE(b, d) -> d_step { passDecree(me, b, d, STOP); settle(me) } }
#else
#define PROPOSE(b, d) PROPOSE_VALUE(b, d, OWN_VALUE(b))
#endif

/* A vote is overwritten only when its answer has left: one that leaves later tells nothing more. */
#ifdef CRASHES
#define IS_FLUSHED(d) (vote[AT(me, d)] == voteDurable[AT(me, d)])
#else
#define IS_FLUSHED(d) true
#endif

/* A decree that is known to be chosen needs no vote; the answer helps the leader on. */
#define HEAR_ACCEPT(b, d) \
  :: d_step { accept[SENT(b, d)] != 0 && VOTES_IN(me, b) && (b) >= promised[me] && chosen[me] < (d) && \
      BALLOT_OF(vote[AT(me, d)]) < (b) && IS_NEXT(me, b, d) && IS_FLUSHED(d) -> onAccept(me, b, d); settle(me) } \
  :: d_step { accept[SENT(b, d)] != 0 && VOTES_IN(me, b) && (b) == promised[me] && chosen[me] >= (d) && \
      leader[OWNER(b)] == (b) && chosen[OWNER(b)] < (d) && (acceptOk[SENT(b, d)] & BIT(me)) == 0 -> \
      acceptOk[SENT(b, d)] = acceptOk[SENT(b, d)] | BIT(me); settle(me) }

#define CHOOSE(b, d) \
  :: d_step { OWNER(b) == me && leader[me] == (b) && chosen[me] + 1 == (d) && HAS_QUORUM(acceptOk[SENT(b, d)], b) -> \
      announced[b] = d; decide(me, d, accept[SENT(b, d)]); settle(me) }

/* The leader says that it is chosen. What was accepted in another ballot may be something else. */
#ifdef BUG_ANY_BALLOT_IS_CHOSEN
#define IS_THAT_VOTE(b, d) (vote[AT(me, d)] != 0)
#else
#define IS_THAT_VOTE(b, d) (BALLOT_OF(vote[AT(me, d)]) == (b))
#endif
#define HEAR_CHOSEN(b, d) \
  :: d_step { chosen[me] + 1 == (d) && announced[b] >= (d) && VOTES_IN(me, b) && leader[me] == 0 && \
      IS_THAT_VOTE(b, d) -> decide(me, d, VALUE_OF(vote[AT(me, d)])); settle(me) }

#if DECREES == 1
#define EACH_DECREE(X, b) X(b, 1)
#elif DECREES == 2
#define EACH_DECREE(X, b) X(b, 1) X(b, 2)
#else
#define EACH_DECREE(X, b) X(b, 1) X(b, 2) X(b, 3)
#endif
#define BALLOT(b) STAND(b) HEAR_PREPARE(b) LEAD_BY_SOME(b) EACH_DECREE(PROPOSE, b) EACH_DECREE(HEAR_ACCEPT, b) \
  EACH_DECREE(CHOOSE, b) EACH_DECREE(HEAR_CHOSEN, b)

#ifdef CRASHES
#define FLUSH :: d_step { IS_DIRTY(me) -> flush(me); settle(me) }
/* Down is no different from slow: the restart follows at once. */
#define CRASH :: atomic { SPONTANEOUS && (victims & BIT(me)) != 0 -> d_step { restart(me); settle(me) } }
#else
#define FLUSH
#define CRASH
#endif
#ifdef WIPE
#define LOSE_DISK :: atomic { SPONTANEOUS && (victims & BIT(me)) != 0 && wiped == 0 -> d_step { wipe(me); settle(me) } }
#else
#define LOSE_DISK
#endif
#if defined(TRIM) && defined(BUG_TRIMS_TOO_FAR)
#define FORGET :: atomic { SPONTANEOUS && vote[AT(me, DECREES)] != 0 && leader[me] == 0 -> d_step { forget(me, DECREES); settle(me) } }
#elif defined(TRIM) && defined(CRASHES)
#ifdef BUG_TRIM_FORGETS_PROMISE
#define NOTE_TRIM trims[me] = true;
#else
#define NOTE_TRIM
#endif
#define FORGET :: atomic { SPONTANEOUS && base[me] < chosen[me] -> d_step { NOTE_TRIM raiseBase(me); settle(me) } }
#else
#define FORGET
#endif

/* A peer teaches the next decree, or, where that is trimmed, all that its snapshot holds. Facts do not age: the answer may
 * as well be what the peer knows by the time it arrives. */
#ifdef TRIM
#define TAUGHT(q) (IS_TRIMMED(q) -> chosen[q] : chosen[me] + 1)
#ifdef CRASHES
#define IS_TRIMMED(q) (base[q] > chosen[me])
#else
#define IS_TRIMMED(q) true
#endif
#else
#define TAUGHT(q) (chosen[me] + 1)
#endif
#ifdef REACH_LEARNT
#define NOTE_LEARNT learnt = true;
#else
#define NOTE_LEARNT
#endif
#ifdef BUG_INSTALL_FORGETS_PROMISE
#define INSTALLED promised[me] = 0
#else
#define INSTALLED skip
#endif
#define LEARN(q) \
  :: d_step { (q) != me && chosen[q] > chosen[me] && leader[me] == 0 -> \
      NOTE_LEARNT printf("member %d  learns from member %d\n", me, q); \
      last = TAUGHT(q); \
      if :: stopAt > chosen[me] && last > stopAt -> chosen[me] = stopAt; enterLegislature(me) :: else fi; \
      chosen[me] = last; enterLegislature(me); raiseBase(me); INSTALLED; settle(me) }

proctype member(byte me) {
#ifndef MUST_DECIDE
end:
#endif
  do
#ifdef MUST_DECIDE
  :: d_step { decree[DECREES] != 0 -> skip }
#endif
  BALLOT(1)
#if BALLOTS > 1
  BALLOT(2)
#endif
#if BALLOTS > 2
  BALLOT(3)
#endif
#if BALLOTS > 3
  BALLOT(4)
#endif
#if BALLOTS > 4
  BALLOT(5)
#endif
#if BALLOTS > 5
  BALLOT(6)
#endif
  FLUSH CRASH LOSE_DISK FORGET
  LEARN(0) LEARN(1) LEARN(2)
#if MEMBERS_ALL == 4
  LEARN(3)
#endif
  od
}

init {
  atomic {
#ifdef CRASHES
    if
#if CRASHES == 1
    :: victims = 1
    :: victims = 2
    :: victims = 4
#if MEMBERS_ALL == 4
    :: victims = 8
#endif
#elif CRASHES == 2
    :: victims = 3
    :: victims = 5
    :: victims = 6
#if MEMBERS_ALL == 4
    :: victims = 9
    :: victims = 10
    :: victims = 12
#endif
#else
    :: victims = 15
#endif
    fi;
#endif
    run member(0);
    run member(1);
    run member(2)
#if MEMBERS_ALL == 4
    ;
    run member(3)
#endif
  }
}
