import type { KeptValue } from "./kept-value.ts";
import { MapBuilder } from "./map-builder.ts";
import type { PersistentMap } from "./persistent-map.ts";
import { TextTable } from "./text-table.ts";

/** Entries put in their place before other work of the process gets its turn: a few milliseconds. */
export const SLICE_ENTRIES = 4_096;

interface Order {
  /** By place. */
  readonly numbers: Uint32Array;
  /** By number. */
  readonly places: Uint32Array;
}

/** Vertices of one type while a graph is loaded. Each has a place: its number in the order of all ids. */
export class VertexTable {
  readonly kind = "vertices";
  /** In the order of their keys, which is that of their ids unless an escaped character makes a difference. */
  readonly #ids: string[] = [];
  readonly #values: KeptValue[] = [];
  /** Ids as keys have them. */
  readonly #escaped = new TextTable();
  #isSorted = true;
  #order: Order | undefined;

  get size(): number {
    return this.#ids.length;
  }

  /** `bytes` from `from` to `to`: the id as keys have it. */
  add(id: string, bytes: Uint8Array, from: number, to: number, value: KeptValue): void {
    const number = this.#ids.length;
    if (number > 0 && (this.#ids[number - 1] as string) >= id) this.#isSorted = false;
    this.#ids.push(id);
    this.#values.push(value);
    this.#escaped.add(bytes, from, to);
  }

  /** By the id as keys have it, after all vertices were added. `undefined`: there is none. */
  place(bytes: Uint8Array, from: number, to: number): number | undefined {
    const number = this.#escaped.find(bytes, from, to);
    return number === undefined || this.#isSorted ? number : this.#sorted().places[number];
  }

  idAt(place: number): string {
    return this.#ids[this.#isSorted ? place : (this.#sorted().numbers[place] as number)] as string;
  }

  *building(): Generator<undefined, PersistentMap<KeptValue>, undefined> {
    const builder = new MapBuilder<KeptValue>();
    for (let place = 0; place < this.#ids.length; place++) {
      const number = this.#isSorted ? place : (this.#sorted().numbers[place] as number);
      builder.append(this.#ids[number] as string, this.#values[number] as KeptValue);
      if (place % SLICE_ENTRIES === 0) yield;
    }
    return builder.finish();
  }

  #sorted(): Order {
    if (this.#order === undefined) {
      const ids = this.#ids;
      // Mostly in order already, where this sort is quick.
      const sorted = Array.from(ids, (_, number) => number).sort((a, b) => {
        const [left, right] = [ids[a] as string, ids[b] as string];
        return left < right ? -1 : left > right ? 1 : 0;
      });
      const numbers = Uint32Array.from(sorted);
      const places = new Uint32Array(numbers.length);
      for (let place = 0; place < numbers.length; place++) places[numbers[place] as number] = place;
      this.#order = { numbers, places };
    }
    return this.#order;
  }
}
