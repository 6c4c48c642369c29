import { type AppliedDecree, WatchedInvariant } from "./watched.ts";

export class AppliedOnce extends WatchedInvariant {
  readonly name = "applied-once";
  readonly citation =
    "Lee, Park, Kejriwal, Matsushita, Ousterhout, Implementing Linearizability at Large Scale (RIFL, 2015), §3";
  readonly says = "a command, however often it is submitted, is executed in one decree only";
  /** Number of the decree of each payload; clients never use one twice. */
  readonly #numbers = new Map<string, number>();

  override onApplied({ member, number, payloads }: AppliedDecree): void {
    for (const payload of payloads) {
      const text = Buffer.from(payload).toString("latin1");
      const first = this.#numbers.get(text);
      if (first === undefined) this.#numbers.set(text, number);
      this.expect(
        first === undefined || first === number,
        () => `${member} executes ${text} in decree ${number}, and in ${first} it was executed too`,
      );
    }
  }
}
