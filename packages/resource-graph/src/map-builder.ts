import { assert } from "./graph-error.ts";
import { Edit, type Node, WIDTH } from "./map-node.ts";
import { PersistentMap } from "./persistent-map.ts";

/** Makes a {@link PersistentMap} of entries that come in order, without looking for the place of any. */
export class MapBuilder<V> {
  readonly #edit = new Edit();
  readonly #leaves: Node[] = [];
  readonly #firsts: string[] = [];
  #keys: string[] = [];
  #items: V[] = [];
  #last = "";
  #size = 0;

  /** `key` is above all keys before it. */
  append(key: string, value: V): void {
    if (this.#size > 0 && this.#last >= key) assert(false, `${key} is appended after ${this.#last}`);
    if (this.#keys.length === WIDTH) this.#closeLeaf();
    this.#keys.push(key);
    this.#items.push(value);
    this.#last = key;
    this.#size++;
  }

  /** The map. The builder is spent. */
  finish(): PersistentMap<V> {
    if (this.#keys.length > 0) this.#closeLeaf();
    return PersistentMap.of<V>(this.#leaves, this.#firsts, this.#size);
  }

  #closeLeaf(): void {
    this.#firsts.push(this.#keys[0] as string);
    // Slices are exactly as large as needed, which an array grown by `push` is not.
    this.#leaves.push({ edit: this.#edit, height: 0, keys: this.#keys.slice(), items: this.#items.slice() });
    this.#keys.length = 0;
    this.#items.length = 0;
  }
}
