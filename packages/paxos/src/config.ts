import type { MemberId, Membership } from "@halon/consensus";

/** How one member takes part. Times in milliseconds of its own monotonic clock. */
export interface PaxosConfig {
  /** Minted once when the group is founded. Messages of another group are refused. */
  readonly group: string;
  readonly self: MemberId;
  readonly membership: Membership;
  /** Decrees that a leader may have in flight. */
  readonly alpha?: number;
  /** A leader lets itself be heard this often. */
  readonly heartbeatMs?: number;
  /** A follower that hears nothing for this long, and up to half as long again by chance, stands for election. */
  readonly electionMs?: number;
  /** An unanswered Accept or LearnRequest is repeated after this. */
  readonly resendMs?: number;
  /** A leader that has nothing more to propose tells the others what is chosen after this. */
  readonly announceMs?: number;
  /** Chosen values kept in memory for followers that are a little behind. Older ones are read from the journal. */
  readonly cacheBytesMax?: number;
}

export const PAXOS_DEFAULTS = {
  alpha: 4,
  heartbeatMs: 120,
  electionMs: 600,
  resendMs: 100,
  announceMs: 5,
  cacheBytesMax: 8 * 1024 * 1024,
} as const;

/** Bytes of values in one PrepareOk or LearnReply; at least one value goes whatever its size. */
export const PAGE_BYTES_MAX = 256 * 1024;
/** Entries in one PrepareOk or LearnReply. */
export const PAGE_ENTRIES_MAX = 512;
/** LearnRequests that may wait for the journal at a time; further ones are dropped, and repeated by who asked. */
export const READS_MAX = 16;

/** A configuration that cannot work. The message says what to change. */
export class PaxosConfigError extends Error {
  override readonly name = "PaxosConfigError";
}

/** Fills in the defaults. Throws {@link PaxosConfigError} on impossible pairs. */
export function completeConfig(config: PaxosConfig): Required<PaxosConfig> {
  const full = { ...PAXOS_DEFAULTS, ...config };
  if (!full.membership.members.includes(full.self))
    throw new PaxosConfigError(
      `${full.self} is not one of the members ${full.membership.members.join(", ")}: name it there, or start it elsewhere`,
    );
  if (!(full.electionMs >= 3 * full.heartbeatMs))
    throw new PaxosConfigError(
      `electionMs ${full.electionMs} is below three heartbeats of ${full.heartbeatMs} ms: one lost message would depose a leader`,
    );
  for (const name of ["alpha", "heartbeatMs", "resendMs", "announceMs", "cacheBytesMax"] as const)
    if (!(full[name] >= 1)) throw new PaxosConfigError(`${name} is ${full[name]}: it must be at least 1`);
  return full;
}
