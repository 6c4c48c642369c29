import { crc32 } from "node:zlib";

/** One thing that happened. `who` is a process or a machine, or "" for the world itself. */
export interface TraceLine {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

/** Lines kept for the report of a failure. */
const RECENT_LINES = 120;

/** `123.456 station-1/replica applied 7` */
export const formatLine = ({ atMs, who, what }: TraceLine): string =>
  `${atMs.toFixed(3).padStart(12)} ${who === "" ? "*" : who} ${what}`;

/**
 * What happened, in order. The hash covers every line and every message, so that two runs with one hash were the same
 * run; the lines themselves are for people.
 */
export class Trace {
  readonly #keepsAll: boolean;
  #lines: TraceLine[] = [];
  #count = 0;
  #low = 0;
  #high = 0;
  readonly #numbers = new Float64Array(3);
  readonly #numberBytes = new Uint8Array(this.#numbers.buffer);

  constructor(keepsAll = false) {
    this.#keepsAll = keepsAll;
  }

  /** All lines if they are kept, else the most recent ones. */
  get lines(): readonly TraceLine[] {
    return this.#keepsAll ? this.#lines : this.#lines.slice(-RECENT_LINES);
  }

  get recent(): readonly TraceLine[] {
    return this.#lines.slice(-RECENT_LINES);
  }

  /** Lines so far, those no longer kept included. */
  get count(): number {
    return this.#count;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low].map((part) => part.toString(16).padStart(8, "0")).join("");
  }

  line(atMs: number, who: string, what: string): void {
    const line = { atMs, who, what };
    this.#count++;
    this.#lines.push(line);
    if (!this.#keepsAll && this.#lines.length > 2 * RECENT_LINES) this.#lines = this.#lines.slice(-RECENT_LINES);
    this.#mix(crc32(`${atMs} ${who} ${what}`));
  }

  /** A message on its way, into the hash only: there are too many of them for lines. */
  message(atMs: number, from: string, to: string, payload: Uint8Array, copies: number): void {
    this.#numbers[0] = atMs;
    this.#numbers[1] = payload.byteLength;
    this.#numbers[2] = copies;
    this.#mix(crc32(payload, crc32(this.#numberBytes, crc32(to, crc32(from)))));
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x9e3779b1) >>> 0;
    this.#high = (Math.imul(this.#high, 31) + (this.#low ^ (this.#low >>> 15))) >>> 0;
  }
}
