import { type AppliedDecree, WatchedInvariant } from "./watched.ts";

/** What a member has applied, as text. */
export interface MemberState {
  readonly member: string;
  readonly applied: number;
  readonly text: string;
}

export class SameState extends WatchedInvariant {
  readonly name = "one-state";
  readonly citation =
    "Schneider, Implementing Fault-Tolerant Services Using the State Machine Approach (1990), §2; promise G2";
  readonly says =
    "members that have applied equally much hold the same state: after each decree by digest, in the end by bytes";
  /** By number of the last decree applied. */
  readonly #digests = new Map<number, { readonly member: string; readonly digest: string }>();
  readonly #states: () => readonly MemberState[];

  /** `states`: of all members that are up, for the end. */
  constructor(states: () => readonly MemberState[]) {
    super();
    this.#states = states;
  }

  override onApplied({ member, number, digest }: AppliedDecree): void {
    if (digest === undefined) return;
    const first = this.#digests.get(number);
    if (first === undefined) this.#digests.set(number, { member, digest });
    this.expect(
      first === undefined || first.digest === digest,
      () => `after decree ${number} ${member} has digest ${digest}, ${first?.member} ${first?.digest}`,
    );
  }

  /** Compares the bytes; for the end of a run. */
  compare(): void {
    const seen = new Map<number, { readonly member: string; readonly text: string }>();
    for (const { member, applied, text } of this.#states()) {
      const other = seen.get(applied);
      if (other === undefined) seen.set(applied, { member, text });
      this.expect(
        other === undefined || other.text === text,
        () => `${member} and ${other?.member} differ after decree ${applied}`,
      );
    }
  }
}
