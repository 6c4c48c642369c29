import { type MemberId, type Membership, VALUE_BYTES_MAX } from "@halon/consensus";
import { commandBytes, DECREE_BYTES_MAX, encodeDecree } from "./codec.ts";
import { COMMANDS_MAX, ELAPSED_MS_MAX } from "./command.ts";
import type { Waiting } from "./submission.ts";

/** Commands that wait to be proposed, and the decrees made of them. Gives out log time. */
export class Updates {
  readonly #self: MemberId;
  readonly #waitingBytesMax: number;
  #waiting: Waiting[] = [];
  /** Of `#waiting`, so many are in decrees already. */
  #taken = 0;
  #bytes = 0;
  /** Log time has been given out up to here. */
  #elapsedToMs = 0;

  constructor({ self, waitingBytesMax }: { readonly self: MemberId; readonly waitingBytesMax: number }) {
    this.#self = self;
    this.#waitingBytesMax = waitingBytesMax;
  }

  get count(): number {
    return this.#waiting.length - this.#taken;
  }

  /** False when there are too many. */
  take(update: Waiting): boolean {
    const bytes = commandBytes(update.command);
    if (this.#bytes + bytes > this.#waitingBytesMax) return false;
    this.#waiting.push(update);
    this.#bytes += bytes;
    return true;
  }

  /** From now on log time passes here. */
  beginReign(nowMs: number): void {
    this.#elapsedToMs = nowMs;
  }

  /** As many as fit into one decree. */
  nextDecree(
    inForce: Membership | undefined,
    nowMs: number,
  ): { readonly value: Uint8Array; readonly batch: readonly Waiting[] } {
    const batch = this.#batch();
    const elapsedMs = Math.max(0, Math.min(ELAPSED_MS_MAX, Math.floor(nowMs - this.#elapsedToMs)));
    this.#elapsedToMs = elapsedMs === ELAPSED_MS_MAX ? nowMs : this.#elapsedToMs + elapsedMs;
    const commands = batch.map(({ command }) => command);
    return { value: encodeDecree({ elapsedMs, commands, ...(inForce && { inForce }), proposer: this.#self }), batch };
  }

  /** Forgets and returns all that waits. */
  giveUp(): readonly Waiting[] {
    const left = this.#waiting.slice(this.#taken);
    this.#waiting = [];
    this.#taken = 0;
    this.#bytes = 0;
    return left;
  }

  #batch(): readonly Waiting[] {
    const from = this.#taken;
    let bytes = DECREE_BYTES_MAX;
    for (let next = this.#waiting[from]; next !== undefined; next = this.#waiting[this.#taken]) {
      const more = commandBytes(next.command);
      if (this.#taken - from >= COMMANDS_MAX || bytes + more > VALUE_BYTES_MAX) break;
      bytes += more;
      this.#bytes -= more;
      this.#taken++;
    }
    const batch = this.#waiting.slice(from, this.#taken);
    // Not at each decree: what is left may be much.
    if (this.#taken * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }
}
