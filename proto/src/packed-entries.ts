import { ProtoError } from "./codec.ts";

const HEAD_BYTES = 6;
const KEY_CHARS_MAX = 0xffff;

const BYTES_FIRST = 64 * 1024;

/** Entries one after the other: a tenth of the work of as many messages. Keys are ASCII. */
export class EntryPacker {
  #bytes: Buffer;
  #used = 0;

  /** `bytesExpected`: what will not have to be made room for. */
  constructor(bytesExpected = BYTES_FIRST) {
    this.#bytes = Buffer.allocUnsafeSlow(bytesExpected);
  }

  get bytesCount(): number {
    return this.#used;
  }

  add(key: string, value: Uint8Array): void {
    if (key.length > KEY_CHARS_MAX) throw new RangeError(`key of ${key.length} characters: at most ${KEY_CHARS_MAX}`);
    const from = this.#used;
    this.#used = from + HEAD_BYTES + key.length + value.length;
    if (this.#used > this.#bytes.length) this.#grow(from);
    const bytes = this.#bytes;
    bytes.writeUInt16LE(key.length, from);
    bytes.writeUInt32LE(value.length, from + 2);
    bytes.write(key, from + HEAD_BYTES, "latin1");
    if (value.length > 0) bytes.set(value, from + HEAD_BYTES + key.length);
  }

  /** The same of an entry that lies in memory: its key in ASCII from `keyFrom` to `keyTo` of `keys`, its value likewise. */
  addFrom(keys: Buffer, keyFrom: number, keyTo: number, values: Buffer, valueFrom: number, valueTo: number): void {
    const from = this.#used;
    const keyBytes = keyTo - keyFrom;
    this.#used = from + HEAD_BYTES + keyBytes + valueTo - valueFrom;
    if (this.#used > this.#bytes.length) this.#grow(from);
    const bytes = this.#bytes;
    bytes.writeUInt16LE(keyBytes, from);
    bytes.writeUInt32LE(valueTo - valueFrom, from + 2);
    const to = from + HEAD_BYTES;
    // In a store's file the value stands right behind its key, mostly.
    if (values === keys && valueFrom === keyTo) copyInto(bytes, to, keys, keyFrom, valueTo);
    else {
      copyInto(bytes, to, keys, keyFrom, keyTo);
      copyInto(bytes, to + keyBytes, values, valueFrom, valueTo);
    }
  }

  /** Once, at the end. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  #grow(used: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#used, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, used);
    this.#bytes = larger;
  }
}

/** Short ones by hand: a call takes longer than they do. */
function copyInto(target: Buffer, at: number, bytes: Buffer, from: number, to: number): void {
  if (to - from > COPIED_BY_HAND_MAX) bytes.copy(target, at, from, to);
  else for (let next = from; next < to; next++) target[at + next - from] = bytes[next] as number;
}

const COPIED_BY_HAND_MAX = 96;

/** Takes an entry's key, `bytes` from `keyFrom` to `keyTo`, and its value, which goes on to `valueTo`. */
export type VisitPacked = (bytes: Buffer, keyFrom: number, keyTo: number, valueTo: number) => void;

/** Goes through what an {@link EntryPacker} made, without a copy. Throws {@link ProtoError} for what is cut short. */
export function eachPacked(packed: Uint8Array, visit: VisitPacked): void {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const keyFrom = at + HEAD_BYTES;
    const keyTo = keyFrom <= bytes.length ? keyFrom + bytes.readUInt16LE(at) : Number.POSITIVE_INFINITY;
    const valueTo = keyTo <= bytes.length ? keyTo + bytes.readUInt32LE(at + 2) : Number.POSITIVE_INFINITY;
    if (valueTo > bytes.length)
      throw new ProtoError("undecodable", `packed entries of ${bytes.length} bytes: the one at ${at} is cut short`);
    visit(bytes, keyFrom, keyTo, valueTo);
    at = valueTo;
  }
}
