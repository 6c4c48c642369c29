import { ProtoError } from "./codec.ts";

const HEAD_BYTES = 6;
const KEY_CHARS_MAX = 0xffff;

/** Entries one after the other: a tenth of the work of as many messages. Keys are ASCII. */
export class EntryPacker {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  get bytesCount(): number {
    return this.#bytes;
  }

  add(key: string, value: Uint8Array): void {
    if (key.length > KEY_CHARS_MAX) throw new RangeError(`key of ${key.length} characters: at most ${KEY_CHARS_MAX}`);
    const head = Buffer.allocUnsafe(HEAD_BYTES + key.length);
    head.writeUInt16LE(key.length, 0);
    head.writeUInt32LE(value.length, 2);
    head.write(key, HEAD_BYTES, "latin1");
    this.#parts.push(head);
    if (value.length > 0) this.#parts.push(value);
    this.#bytes += head.length + value.length;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts, this.#bytes);
  }
}

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
