import type { Chance } from "./chance.ts";

/** One member's journal in memory: records by seq. What is durable is a prefix of what is written. */
export class Disk {
  /** Of seq `first` and on. */
  readonly #records: Uint8Array[];
  #first: number;
  #durable: number;

  /** A disk as it is found: all of `records` durable. */
  constructor(records: readonly Uint8Array[] = [], first = 1) {
    this.#records = [...records];
    this.#first = first;
    this.#durable = this.written;
  }

  /** Seq of the oldest record that is left. */
  get first(): number {
    return this.#first;
  }

  /** Those that are left, in order. */
  get records(): readonly Uint8Array[] {
    return this.#records;
  }

  get written(): number {
    return this.#first + this.#records.length - 1;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Throws when there is no such record. */
  read(seq: number): Uint8Array {
    const record = this.#records[seq - this.#first];
    if (record === undefined) throw new Error(`record ${seq} is asked for: there are ${this.#first} … ${this.written}`);
    return record.slice();
  }

  append(record: Uint8Array): void {
    this.#records.push(record.slice());
  }

  /** All records up to `seq` survive from now on. */
  flushed(seq: number): void {
    this.#durable = Math.max(this.#durable, seq);
  }

  /** Gives up records before `seq`: in pieces of some size, as journals do. */
  trim(seq: number, chance: Chance): void {
    if (seq > this.#durable + 1) throw new Error(`trim before ${seq}, but only ${this.#durable} is durable`);
    const count = chance.below(seq - this.#first + 1);
    this.#records.splice(0, count);
    this.#first += count;
  }

  /** The disk after a power cut: of what was not durable, some of the oldest may survive. */
  crashed(chance: Chance): Disk {
    const kept = chance.hits(0.5) ? 0 : chance.below(this.written - this.#durable + 1);
    return new Disk(this.#records.slice(0, this.#durable - this.#first + 1 + kept), this.#first);
  }
}
