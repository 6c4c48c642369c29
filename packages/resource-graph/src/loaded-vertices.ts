import { assert } from "./graph-error.ts";
import type { KeptValue } from "./kept-value.ts";
import type { Entries } from "./map-node.ts";
import { unescapeId } from "./names.ts";
import { NumberList } from "./number-list.ts";
import { TextArena } from "./text-arena.ts";
import { TextIndex } from "./text-index.ts";

const PERCENT = 0x25;
/** Of an escaped byte: the sign and two digits. */
const ESCAPE_BYTES = 3;

interface Order {
  /** By place. */
  readonly numbers: Uint32Array;
  /** By number. */
  readonly places: Uint32Array;
}

/**
 * Vertices of one type of a graph that was loaded. Each has a number, in the order of their keys, and a place, in the order of all ids,
 * which are the same unless an escaped character makes a difference. Ids and values stay outside of the heap until somebody looks.
 */
export class VertexTable implements Entries<KeptValue> {
  readonly kind = "vertices";
  /** Ids as keys have them. */
  readonly #escaped = new TextArena();
  readonly #values = new NumberList();
  /** By number; those that somebody has asked for, so that all maps share them. */
  #ids: (string | undefined)[] = [];
  /** Made when an id is looked for that is not where the last one was. */
  #index: TextIndex | undefined;
  #isSorted = true;
  #order: Order | undefined;

  get size(): number {
    return this.#escaped.count;
  }

  /** Whether numbers are places. */
  get isSorted(): boolean {
    return this.#isSorted;
  }

  /** `bytes` from `from` to `to`: the id as keys have it, which is one. */
  add(bytes: Uint8Array, from: number, to: number, value: number): void {
    if (this.#isSorted && this.size > 0 && !this.#isBehindLast(bytes, from, to)) this.#isSorted = false;
    this.#escaped.add(bytes, from, to);
    this.#values.push(value);
  }

  /** Number of the vertex with that id as keys have it, after all were added; looks at `near` and behind it first. */
  find(bytes: Uint8Array, from: number, to: number, near: number): number | undefined {
    const { size } = this;
    if (near < size && this.#escaped.is(near, bytes, from, to)) return near;
    if (near + 1 < size && this.#escaped.is(near + 1, bytes, from, to)) return near + 1;
    this.#index ??= new TextIndex(this.#escaped);
    return this.#index.find(bytes, from, to);
  }

  /** All are added, and nothing is looked for any more. */
  close(): void {
    this.#index = undefined;
    this.#ids = Array.from({ length: this.size });
    if (!this.#isSorted) this.#order = this.#sorted();
  }

  /** Of a number, once closed. */
  placeOf(number: number): number {
    return this.#order === undefined ? number : (this.#order.places[number] as number);
  }

  keyAt(place: number): string {
    const number = this.#numberAt(place);
    const known = this.#ids[number];
    if (known !== undefined) return known;
    const id = this.#id(number);
    this.#ids[number] = id;
    return id;
  }

  valueAt(place: number): number {
    return this.#values.at(this.#numberAt(place));
  }

  #numberAt(place: number): number {
    return this.#order === undefined ? place : (this.#order.numbers[place] as number);
  }

  #id(number: number): string {
    const escaped = this.#escaped.latin1(number);
    // That it is one was seen when it was added.
    return escaped.includes("%") ? decodeURIComponent(escaped) : escaped;
  }

  /** By the ids, of which the keys' order is told by the first byte that differs, unless that is part of an escape. */
  #isBehindLast(bytes: Uint8Array, from: number, to: number): boolean {
    const last = this.size - 1;
    const alike = this.#escaped.alike(last, bytes, from, to);
    const at = from + alike;
    for (let before = Math.max(from, at - ESCAPE_BYTES + 1); before <= at && before < to; before++)
      if (bytes[before] === PERCENT) return this.#isIdBehind(last, bytes, from, to);
    const byte = this.#escaped.byteAt(last, alike);
    if (byte === PERCENT) return this.#isIdBehind(last, bytes, from, to);
    return byte === undefined ? at < to : at < to && byte < (bytes[at] as number);
  }

  #isIdBehind(last: number, bytes: Uint8Array, from: number, to: number): boolean {
    const id = unescapeId(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1"));
    return id !== undefined && this.#id(last) < id;
  }

  #sorted(): Order {
    const ids = Array.from({ length: this.size }, (_, number) => this.#id(number));
    this.#ids = ids;
    // Mostly in order already, where this sort is quick.
    const sorted = ids.map((_, number) => number);
    sorted.sort((a, b) => {
      const [left, right] = [ids[a] as string, ids[b] as string];
      return left < right ? -1 : left > right ? 1 : 0;
    });
    const numbers = Uint32Array.from(sorted);
    const places = new Uint32Array(numbers.length);
    for (let place = 0; place < numbers.length; place++) {
      const number = numbers[place] as number;
      const before = place === 0 ? undefined : ids[numbers[place - 1] as number];
      assert(before === undefined || before < (ids[number] as string), `${before} is there once`);
      places[number] = place;
    }
    return { numbers, places };
  }
}
