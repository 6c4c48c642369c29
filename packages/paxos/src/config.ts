import { CLOCK_RATE_ERROR_MAX, isMemberId, type MemberId } from "@halon/consensus";

/** How one member takes part. Times in milliseconds of its own monotonic clock. */
export interface PaxosConfig {
  /** Minted once when the group is founded. Messages of another group are refused. */
  readonly group: string;
  readonly self: MemberId;
  /** Decrees that a leader may have in flight. */
  readonly alpha?: number;
  /** A leader lets itself be heard, and asks for its lease, this often. */
  readonly heartbeatMs?: number;
  /** For so long, from when it asked, a leader answers for itself. */
  readonly leaseMs?: number;
  /**
   * Longest lease that others are granted; by default `leaseMs`, if that is given. In every life of a member at least what
   * it was in the one before, as a start waits for grants of that.
   */
  readonly grantMsMax?: number;
  /**
   * A follower that hears nothing for this long, and up to a quarter longer by chance, stands for election; up to
   * {@link PATIENCE_MAX} times later when it has lately heard its leader with gaps.
   */
  readonly electionMs?: number;
  /** An unanswered Accept or LearnRequest is repeated after this: an Accept later while a quorum is slow, see `resendSpanMs`. */
  readonly resendMs?: number;
  /** A leader that has nothing more to propose tells the others what is chosen after this. */
  readonly announceMs?: number;
  /** Chosen values kept in memory for followers that are a little behind. Older ones are read from the journal. */
  readonly cacheBytesMax?: number;
  /** Bytes of values accepted and not known to be chosen; beyond it a member that lags accepts no more, and so votes no more. */
  readonly openBytesMax?: number;
}

export const PAXOS_DEFAULTS = {
  alpha: 4,
  heartbeatMs: 80,
  leaseMs: 280,
  grantMsMax: 500,
  electionMs: 320,
  resendMs: 100,
  announceMs: 5,
  cacheBytesMax: 8 * 1024 * 1024,
  openBytesMax: 32 * 1024 * 1024,
} as const;

/** Bytes of values in one PrepareOk or LearnReply; at least one value goes whatever its size. */
export const PAGE_BYTES_MAX = 512 * 1024;
/** Entries in one PrepareOk or LearnReply. */
export const PAGE_ENTRIES_MAX = 512;
/** LearnReplies to one LearnRequest. */
export const LEARN_PAGES_MAX = 4;
/** LearnRequests that may wait for the journal at a time; further ones are dropped, and repeated by who asked. */
export const READS_MAX = 16;
/** Entries of the open suffix. No leader's window is wider. */
export const OPEN_ENTRIES_MAX = 1_024;
/** So many times longer than `electionMs` a follower waits at most for a leader that it hears with gaps. */
export const PATIENCE_MAX = 1.6;
/** No member stands with a round as high as this. A promise of it fences who has made it. */
export const FENCE_ROUND = 2 ** 52;
/** Widest window of a leader. */
export const ALPHA_MAX = 256;

/**
 * What an acceptor waits to be sure that a lease of `leaseMs` has lapsed at its holder, however their clocks run: the
 * holder's slow by ρ, its own fast by ρ. Gray and Cheriton, "Leases" (1989), §5.
 */
export const stretched = (leaseMs: number): number =>
  (leaseMs * (1 + CLOCK_RATE_ERROR_MAX)) / (1 - CLOCK_RATE_ERROR_MAX);

/** A configuration that cannot work. The message says what to change. */
export class PaxosConfigError extends Error {
  override readonly name = "PaxosConfigError";
}

/** Fills in the defaults. Throws {@link PaxosConfigError} on impossible pairs. */
export function completeConfig(config: PaxosConfig): Required<PaxosConfig> {
  const grantMsMax = config.grantMsMax ?? config.leaseMs ?? PAXOS_DEFAULTS.grantMsMax;
  const full = { ...PAXOS_DEFAULTS, ...config, grantMsMax };
  if (!isMemberId(full.self))
    throw new PaxosConfigError(
      `self ${JSON.stringify(full.self)} names no member: use 1 to 64 characters of A-Z a-z 0-9 _ -, and an incarnation after a dot`,
    );
  for (const name of [
    "alpha",
    "heartbeatMs",
    "leaseMs",
    "resendMs",
    "announceMs",
    "cacheBytesMax",
    "openBytesMax",
  ] as const)
    if (!(full[name] >= 1)) throw new PaxosConfigError(`${name} is ${full[name]}: it must be at least 1`);
  if (full.alpha > ALPHA_MAX) throw new PaxosConfigError(`alpha is ${full.alpha}: at most ${ALPHA_MAX} are allowed`);
  if (!(full.leaseMs >= 3 * full.heartbeatMs))
    throw new PaxosConfigError(
      `leaseMs ${full.leaseMs} is below three heartbeats of ${full.heartbeatMs} ms: one lost message would end a lease`,
    );
  if (!(full.grantMsMax >= full.leaseMs))
    throw new PaxosConfigError(
      `grantMsMax ${full.grantMsMax} is below leaseMs ${full.leaseMs}: a leader would be refused its lease; raise it, or lower leaseMs`,
    );
  if (!(full.electionMs >= stretched(full.leaseMs)))
    throw new PaxosConfigError(
      `electionMs ${full.electionMs} is below the stretched lease of ${Math.ceil(stretched(full.leaseMs))} ms: nobody would be elected before; raise it, or lower leaseMs`,
    );
  return full;
}
