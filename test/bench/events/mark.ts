import { systemClock } from "@halon/runtime";

/** Bytes of each event. */
export const EVENT_BYTES = 256;

/** What an event says of itself. All processes are on one machine, whose monotonic clock they share. */
export interface Mark {
  readonly producer: number;
  readonly seq: number;
  readonly sentMs: number;
  /** Whether its time is of interest. */
  readonly isTimed: boolean;
}

export function writeMark({ producer, seq, sentMs, isTimed }: Mark): Buffer {
  const bytes = Buffer.alloc(EVENT_BYTES, 1);
  bytes.writeUInt32LE(producer, 0);
  bytes.writeUInt32LE(seq, 4);
  bytes.writeDoubleLE(sentMs, 8);
  bytes.writeUInt8(isTimed ? 1 : 0, 16);
  return bytes;
}

export function readMark(bytes: Uint8Array): Mark {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    producer: view.getUint32(0, true),
    seq: view.getUint32(4, true),
    sentMs: view.getFloat64(8, true),
    isTimed: view.getUint8(16) === 1,
  };
}

export const nowMs = (): number => systemClock.nowMs();

/** What a consumer has seen. */
export interface Seen {
  readonly count: number;
  readonly duplicated: number;
  /** Per producer, the numbers that were seen: all below, and how many. */
  readonly producers: readonly { readonly low: number; readonly count: number }[];
  readonly latenciesMs: Float64Array;
}

/** Keeps book of every event: which was seen, which twice, and how late. */
export class Sightings {
  readonly #bits: Uint8Array[] = [];
  readonly #counts: number[] = [];
  #count = 0;
  #duplicated = 0;
  #latenciesMs: number[] = [];

  note({ producer, seq, sentMs, isTimed }: Mark): void {
    let bits = this.#bits[producer] ?? new Uint8Array(1 << 16);
    if (seq >> 3 >= bits.length) {
      const grown = new Uint8Array(bits.length * 2);
      grown.set(bits);
      bits = grown;
    }
    this.#bits[producer] = bits;
    const mask = 1 << (seq & 7);
    const byte = bits[seq >> 3] as number;
    if ((byte & mask) !== 0) this.#duplicated++;
    else this.#counts[producer] = (this.#counts[producer] ?? 0) + 1;
    bits[seq >> 3] = byte | mask;
    this.#count++;
    if (isTimed) this.#latenciesMs.push(nowMs() - sentMs);
  }

  /** So far. Latencies of those since the last time. */
  take(): Seen {
    const latenciesMs = Float64Array.from(this.#latenciesMs);
    this.#latenciesMs = [];
    const producers = this.#bits.map((bits, producer) => {
      let low = 0;
      while (low < bits.length * 8 && ((bits[low >> 3] as number) & (1 << (low & 7))) !== 0) low++;
      return { low, count: this.#counts[producer] ?? 0 };
    });
    return { count: this.#count, duplicated: this.#duplicated, producers, latenciesMs };
  }

  get count(): number {
    return this.#count;
  }
}
