import type { MemberId } from "@halon/consensus";
import { backoffMs, type Call, type LogClientOutput, REQUESTS_MAX, splitBatch } from "./client-call.ts";
import { COMMANDS_MAX, type Outcome } from "./command.ts";

export const STALE_TIMER = "backoff/stale";
/** A member that gave no answer is left out for so long, while there are others. */
const MUTE_MS = 5_000;

/** A client's reads that anybody may answer: spread over all members in turn. */
export class StaleReads {
  #queue: Call[] = [];
  readonly #sent = new Map<number, { readonly to: MemberId; readonly calls: readonly Call[] }>();
  readonly #muteUntilMs = new Map<MemberId, number>();
  #turn = 0;
  /** Requests in a row that brought nothing. */
  #failures = 0;
  #isBackingOff = false;

  /** Requests without an answer. */
  get underWay(): number {
    return this.#sent.size;
  }

  push(call: Call): void {
    this.#queue.push(call);
  }

  remove(call: Call): void {
    this.#queue = this.#queue.filter((each) => each !== call);
  }

  resume(): void {
    this.#isBackingOff = false;
  }

  /** Puts as many on their way as may go. */
  send(members: readonly MemberId[], nowMs: number, request: (to: MemberId, calls: readonly Call[]) => number): void {
    while (this.#queue.length > 0 && !this.#isBackingOff && this.#sent.size < REQUESTS_MAX) {
      const to = this.#next(members, nowMs);
      if (to === undefined) return;
      const { batch, left } = splitBatch(this.#queue, COMMANDS_MAX, () => true);
      this.#queue = left;
      this.#sent.set(request(to, batch), { to, calls: batch });
    }
  }

  #next(members: readonly MemberId[], nowMs: number): MemberId | undefined {
    for (const [member, untilMs] of this.#muteUntilMs) if (untilMs <= nowMs) this.#muteUntilMs.delete(member);
    const heard = members.filter((member) => !this.#muteUntilMs.has(member));
    const from = heard.length > 0 ? heard : members;
    return from[this.#turn++ % from.length];
  }

  /**
   * What a request came to; `isDone` concludes a call, or says that it needs another attempt. True when some do: then
   * {@link retry}. False for a request that is none of these, too.
   */
  answered(
    request: number,
    outcomes: readonly Outcome[] | undefined,
    nowMs: number,
    isDone: (call: Call, outcome: Outcome) => boolean,
  ): boolean {
    const sent = this.#sent.get(request);
    if (sent === undefined) return false;
    this.#sent.delete(request);
    if (outcomes === undefined) this.#muteUntilMs.set(sent.to, nowMs + MUTE_MS);
    const again = sent.calls.filter(
      (call, at) => !isDone(call, outcomes?.[at] ?? { kind: "unknown" }) && !call.cancelled,
    );
    if (again.length === 0) this.#failures = 0;
    this.#queue = [...again, ...this.#queue];
    return again.length > 0;
  }

  /** Something has to be asked again. At once, until every member has failed. */
  retry(members: readonly MemberId[], nowMs: number, random: number, out: LogClientOutput[]): void {
    const rounds = Math.floor(++this.#failures / Math.max(1, members.length));
    if (this.#failures % Math.max(1, members.length) !== 0) return;
    this.#isBackingOff = true;
    out.push({ kind: "timer", name: STALE_TIMER, atMs: nowMs + backoffMs(rounds - 1, random) });
  }
}
