/* P7: a leader's lease is exclusive: while the leader may answer reads alone, nobody else can have anything chosen.
 *
 * One old leader, member 0, and whoever follows it; packages/paxos/src/lease.ts. README.md says what stands for what.
 * Clocks are counters that run down. In a tick of true time each clock goes on by 1 or by 2: rates differ by at most the
 * factor 2, which stands for (1 + r) / (1 - r), here with r = 1/3 in the place of 5 %.
 *
 * Switches (-D)
 *   CRASHES=n       so many crashes of acceptors in all; grants are forgotten, as they are not written down
 *   REACH_...       expected to fail, else the model is vacuous
 *   BUG_...         a planted mistake: expected to fail
 */
#ifndef CRASHES
#define CRASHES 0
#endif
#define MEMBERS 3
#define STRETCH 2
#define HOLDER_SPAN 3
#ifdef BUG_NO_STRETCH
#define GRANTOR_SPAN HOLDER_SPAN
#else
#define GRANTOR_SPAN (HOLDER_SPAN * STRETCH)
#endif
#define BIT(a) (1 << (a))
#define COUNT(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1))

/* Acceptors */
byte granted[MEMBERS];        /* by its own clock, how long it still refuses other proposers */
byte mute[MEMBERS];           /* by its own clock, how long after its start it still answers nobody */
bit promised[MEMBERS];        /* the higher ballot, of the other proposer. Durable, as all promises are */
byte crashes;

/* The old leader. One round of asking at a time: answers to an earlier one are not taken. */
bool leads = true;            /* it does not know of the higher ballot */
byte asked;                   /* members asked in this round */
byte answered;                /* members whose grant has left */
byte counted;                 /* members whose grant has arrived */
byte left;                    /* by its own clock, how much of the span is left since it asked */
#ifdef BUG_LEASE_FROM_RECEIPT
#define SINCE_ASKED HOLDER_SPAN
#else
#define SINCE_ASKED left
#endif
byte lease;                   /* by its own clock, how long it may still read alone */

bit over;                     /* by the other proposer something was chosen that the old leader does not know */

hidden byte i;

inline runDown(counter, by) {
  counter = (counter > (by) -> counter - (by) : 0)
}

/* A tick, in which the clock of a goes on by `by`. Each clock is one bit of the choice. */
inline tick(fast) {
  i = 0;
  do
  :: i < MEMBERS ->
    runDown(granted[i], (((fast) & BIT(i)) != 0 -> 2 : 1));
    runDown(mute[i], (((fast) & BIT(i)) != 0 -> 2 : 1));
    i++
  :: else -> break
  od;
  runDown(left, (((fast) & 1) != 0 -> 2 : 1));
  runDown(lease, (((fast) & 1) != 0 -> 2 : 1));
  printf("tick, fast clocks (bits) %d; lease %d\n", fast, lease)
}

#define TICK(fast) :: d_step { true -> tick(fast); skip }

/* No lease, no answer to the Prepare of another; and none for a stretched span after a start. */
#ifdef BUG_ANSWERS_UNDER_LEASE
#define MAY_PROMISE(a) (mute[a] == 0)
#else
#define MAY_PROMISE(a) (mute[a] == 0 && granted[a] == 0)
#endif

#define MEMBER(a) \
  :: d_step { leads && (asked & BIT(a)) != 0 && (answered & BIT(a)) == 0 && !promised[a] && mute[a] == 0 -> \
      printf("member %d grants\n", a); granted[a] = GRANTOR_SPAN; answered = answered | BIT(a) } \
  :: d_step { (answered & BIT(a)) != 0 && (counted & BIT(a)) == 0 -> \
      printf("the grant of member %d arrives\n", a); counted = counted | BIT(a); \
      if :: COUNT(counted) > MEMBERS / 2 && SINCE_ASKED > lease -> lease = SINCE_ASKED :: else fi; skip } \
  :: d_step { !promised[a] && MAY_PROMISE(a) -> \
      printf("member %d promises the other ballot\n", a); promised[a] = true } \
  :: d_step { crashes < CRASHES -> \
      printf("member %d crashes and restarts\n", a); crashes++; granted[a] = 0; \
      mute[a] = MUTE_SPAN; \
      if :: (a) == 0 -> leads = false; lease = 0; left = 0; asked = 0; answered = 0; counted = 0 :: else fi; skip }
#ifdef BUG_ANSWERS_AFTER_START
#define MUTE_SPAN 0
#else
#define MUTE_SPAN (HOLDER_SPAN * STRETCH)
#endif

active proctype group() {
end:
  do
  TICK(0) TICK(1) TICK(2) TICK(3) TICK(4) TICK(5) TICK(6) TICK(7)
  :: d_step { leads && (asked == 0 || left < HOLDER_SPAN) ->
      printf("the leader asks\n"); asked = 7; answered = 0; counted = 0; left = HOLDER_SPAN }
  MEMBER(0) MEMBER(1) MEMBER(2)
  :: d_step { leads && promised[0] -> printf("the leader hears of the other ballot\n"); leads = false; lease = 0 }
  /* A quorum has promised: the other one leads, and may have had its first decree chosen. */
  :: d_step { !over && COUNT(promised[0] + 2 * promised[1] + 4 * promised[2]) > MEMBERS / 2 -> \
      printf("the other proposer has a decree chosen\n"); over = true }
  /* The invariant: from then on the old leader may not read alone. */
  :: d_step { over && lease > 0 -> printf("the old leader reads alone\n"); assert(false) }
#ifdef REACH_LEASE
  :: d_step { lease > 0 -> assert(false) }
#endif
#ifdef REACH_TAKEOVER
  :: d_step { over && lease == 0 && counted != 0 -> assert(false) }
#endif
  od
}
