import { assert } from "@halon/consensus";
import type { Command, Outcome } from "./command.ts";

/** Commands that came together and are answered together, and the outcomes they have so far. */
export interface Submission {
  readonly token: number;
  readonly outcomes: (Outcome | undefined)[];
  missing: number;
}

/** One of them. */
export interface Waiting {
  readonly submission: Submission;
  readonly index: number;
  readonly command: Command;
}

export interface Reply {
  readonly kind: "reply";
  readonly token: number;
  readonly outcomes: readonly Outcome[];
}

/** Notes what a command came to; the last one of a submission makes the reply. */
export function answer({ submission, index }: Waiting, outcome: Outcome, out: { push(reply: Reply): unknown }): void {
  // The text is made only then: this runs for each command.
  if (submission.outcomes[index] !== undefined)
    assert(false, `command ${index} of submission ${submission.token} answered twice`);
  submission.outcomes[index] = outcome;
  if (--submission.missing > 0) return;
  const outcomes = submission.outcomes.map((each): Outcome => each ?? { kind: "unknown" });
  out.push({ kind: "reply", token: submission.token, outcomes });
}
