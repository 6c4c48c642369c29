/**
 * Licence to change in place the nodes that were made under it, and count of the keys it added. Whoever holds it builds
 * a new version without copying its own work; it is thrown away when the version is handed out.
 */
export class Edit {
  keysAdded = 0;
}

/**
 * Node of a B+ tree. Leaves (height 0) hold values. In a branch, `keys[i]` is at most every key under `items[i]` and above
 * every key under `items[i - 1]`; `keys[0]` bounds nothing. Invariant: keys.length === items.length, 1 to {@link WIDTH}.
 */
export interface Node {
  readonly edit: Edit;
  readonly height: number;
  readonly keys: string[];
  /** In a branch {@link Child}ren. */
  readonly items: unknown[];
}

/** Entries of a map that is loaded, by their places in its order: what its leaves are made of when somebody looks at them. */
export interface Entries<V> {
  keyAt(place: number): string;
  valueAt(place: number): V;
}

/** A leaf that nobody has looked at yet: from one place to another. Of a graph that was loaded few are ever looked at. */
export class UnreadLeaf {
  readonly height = UNREAD;
  readonly #all: Entries<unknown>;
  readonly #from: number;
  readonly #to: number;

  constructor(all: Entries<unknown>, from: number, to: number) {
    this.#all = all;
    this.#from = from;
    this.#to = to;
  }

  read(edit: Edit): Node {
    const leaf: Node = { edit, height: 0, keys: [], items: [] };
    for (let place = this.#from; place < this.#to; place++) {
      leaf.keys.push(this.#all.keyAt(place));
      leaf.items.push(this.#all.valueAt(place));
    }
    return leaf;
  }
}

const UNREAD = -1;

export type Child = Node | UnreadLeaf;

/** The child, which from now on stands there as it was read: in all versions that share the branch, as it is the same. */
export function childAt(branch: Node, at: number): Node {
  const child = branch.items[at] as Child;
  if (child.height !== UNREAD) return child as Node;
  const leaf = (child as UnreadLeaf).read(branch.edit);
  branch.items[at] = leaf;
  return leaf;
}

/** The child for once: who goes through all of a map leaves its leaves as they are. */
export function lookAt(branch: Node, at: number): Node {
  const child = branch.items[at] as Child;
  return child.height === UNREAD ? (child as UnreadLeaf).read(branch.edit) : (child as Node);
}

/** Entries of a node. Wider copies more per change, narrower is deeper. */
export const WIDTH = 32;

/** A map's uppermost node: as {@link childAt}. */
export const readTop = (top: Child): Node =>
  top.height === UNREAD ? (top as UnreadLeaf).read(new Edit()) : (top as Node);
