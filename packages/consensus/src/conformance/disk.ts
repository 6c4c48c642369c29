import type { Chance } from "./chance.ts";

/** One member's journal in memory. What is durable is a prefix of what is written. */
export class Disk {
  readonly #records: Uint8Array[];
  #durable: number;

  /** A disk as it is found: all of `records` durable. */
  constructor(records: readonly Uint8Array[] = []) {
    this.#records = [...records];
    this.#durable = records.length;
  }

  get records(): readonly Uint8Array[] {
    return this.#records;
  }

  get written(): number {
    return this.#records.length;
  }

  get durable(): number {
    return this.#durable;
  }

  append(record: Uint8Array): void {
    this.#records.push(record.slice());
  }

  /** All records up to `seq` survive from now on. */
  flushed(seq: number): void {
    this.#durable = Math.max(this.#durable, seq);
  }

  /** The disk after a power cut: of what was not durable, some of the oldest may survive. */
  crashed(chance: Chance): Disk {
    const kept = chance.hits(0.5) ? 0 : chance.below(this.#records.length - this.#durable + 1);
    return new Disk(this.#records.slice(0, this.#durable + kept));
  }
}
