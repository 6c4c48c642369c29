import { commandBytes } from "./codec.ts";
import type { Waiting } from "./submission.ts";

/** Confirmations under way at a time: with two, one that was just missed costs half a round trip. Further reads gather. */
const CONFIRMS_MAX = 2;
/** Reads that a driver is asked to answer in one go. It answers them without a break: keeps that short. */
const QUERY_READS_MAX = 256;

export interface ReadLimits {
  readonly waitingReadsMax: number;
  readonly waitingBytesMax: number;
}

interface Batch {
  readonly number: number;
  readonly reads: readonly Waiting[];
}

/**
 * Reads on their way: gathered, until it is confirmed up to which decree the state has to be; confirmed, until that is
 * applied; ready, until the driver has answered them from the state.
 */
export class Reads {
  readonly #limits: ReadLimits;
  #gathered: Waiting[] = [];
  readonly #confirming = new Map<number, readonly Waiting[]>();
  #confirmed: Batch[] = [];
  #ready: Waiting[] = [];
  #asked: { readonly token: number; readonly reads: readonly Waiting[] } | undefined;
  #count = 0;
  #bytes = 0;
  #token = 0;

  constructor(limits: ReadLimits) {
    this.#limits = limits;
  }

  /** Not answered yet. */
  get count(): number {
    return this.#count;
  }

  /** False when there are too many. A `stale` one needs no confirmation. */
  take(read: Waiting): boolean {
    const bytes = commandBytes(read.command);
    if (this.#count >= this.#limits.waitingReadsMax || this.#bytes + bytes > this.#limits.waitingBytesMax) return false;
    this.#count++;
    this.#bytes += bytes;
    if (read.command.kind === "stale") this.#ready.push(read);
    else this.#gathered.push(read);
    return true;
  }

  /** The token to have confirmed for all that has gathered; `undefined` when there is no need to, or enough under way. */
  confirm(): number | undefined {
    if (this.#gathered.length === 0 || this.#confirming.size >= CONFIRMS_MAX) return undefined;
    this.#confirming.set(++this.#token, this.#gathered);
    this.#gathered = [];
    return this.#token;
  }

  confirmed(token: number, number: number): void {
    const reads = this.#confirming.get(token);
    this.#confirming.delete(token);
    if (reads !== undefined) this.#confirmed.push({ number, reads });
  }

  /** These need another confirmation. */
  unconfirmed(token: number): void {
    this.#gathered = [...(this.#confirming.get(token) ?? []), ...this.#gathered];
    this.#confirming.delete(token);
  }

  /** Forgets and returns all that is not confirmed. What is can be answered, whoever leads. */
  giveUp(): readonly Waiting[] {
    const reads = [...[...this.#confirming.values()].flat(), ...this.#gathered];
    this.#confirming.clear();
    this.#gathered = [];
    this.#leave(reads);
    return reads;
  }

  /** Decrees up to `applied` are applied. Returns the reconfigurations among what waited for that: they are no reads. */
  release(applied: number): readonly Waiting[] {
    const isDue = ({ number }: Batch): boolean => number <= applied;
    if (!this.#confirmed.some(isDue)) return [];
    const due = this.#confirmed.filter(isDue).flatMap(({ reads }) => reads);
    this.#confirmed = this.#confirmed.filter((batch) => !isDue(batch));
    const reconfigurations = due.filter(({ command }) => command.kind === "reconfigure");
    this.#leave(reconfigurations);
    for (const read of due) if (read.command.kind !== "reconfigure") this.#ready.push(read);
    return reconfigurations;
  }

  /** What to ask the driver next; `undefined` while it has not answered, or there is nothing. */
  query(): { readonly token: number; readonly payloads: readonly Uint8Array[] } | undefined {
    if (this.#asked !== undefined || this.#ready.length === 0) return undefined;
    const reads = this.#ready.slice(0, QUERY_READS_MAX);
    this.#ready = this.#ready.slice(QUERY_READS_MAX);
    const token = ++this.#token;
    this.#asked = { token, reads };
    return { token, payloads: reads.map(({ command }) => command.payload) };
  }

  /** The driver has answered: these reads, in the order of the payloads. None for a token that is not under way. */
  queried(token: number): readonly Waiting[] {
    if (this.#asked?.token !== token) return [];
    const { reads } = this.#asked;
    this.#asked = undefined;
    this.#leave(reads);
    return reads;
  }

  #leave(reads: readonly Waiting[]): void {
    this.#count -= reads.length;
    for (const { command } of reads) this.#bytes -= commandBytes(command);
  }
}
