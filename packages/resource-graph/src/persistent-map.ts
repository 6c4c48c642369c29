import { type Child, childAt, Edit, type Entries, lookAt, type Node, readTop, UnreadLeaf, WIDTH } from "./map-node.ts";

/** A node below this looks for a neighbour to join. */
const LOW = 8;

/**
 * A sorted map from strings (ordered by UTF-16 code units) that never changes: `with` and `without` give new versions that
 * share all but one path with the old one. A B+ tree and not a hash trie: its order does not depend on history, ranges
 * and paging come free, and an entry takes about 25 bytes where `immutable` takes about 150.
 */
export class PersistentMap<V> {
  #top: Child | undefined;
  readonly size: number;

  private constructor(top: Child | undefined, size: number) {
    this.#top = top;
    this.size = size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined, 0);
  }

  /** The map with these leaves below its root, which hold `size` entries in order; `firsts`: the first key of each. */
  static of<V>(leaves: readonly Child[], firsts: readonly string[], size: number): PersistentMap<V> {
    const edit = new Edit();
    let row = leaves;
    let keys = firsts;
    for (let height = 1; row.length > 1; height++) {
      const above: Node[] = [];
      for (let at = 0; at < row.length; at += WIDTH)
        above.push({ edit, height, keys: keys.slice(at, at + WIDTH), items: row.slice(at, at + WIDTH) });
      row = above;
      keys = above.map((node) => node.keys[0] as string);
    }
    return new PersistentMap<V>(row[0], size);
  }

  /** The map of the entries from one place to another, each of which is made when somebody looks at it. */
  static reading<V>(all: Entries<V>, from: number, to: number): PersistentMap<V> {
    const leaves: UnreadLeaf[] = [];
    const firsts: string[] = [];
    for (let at = from; at < to; at += WIDTH) {
      leaves.push(new UnreadLeaf(all, at, Math.min(at + WIDTH, to)));
      if (to - from > WIDTH) firsts.push(all.keyAt(at));
    }
    return PersistentMap.of<V>(leaves, firsts, to - from);
  }

  get(key: string): V | undefined {
    const leaf = this.#leafOf(key);
    if (leaf === undefined) return undefined;
    const at = lastAtMost(leaf.keys, key);
    return at >= 0 && leaf.keys[at] === key ? (leaf.items[at] as V) : undefined;
  }

  /** The map's own copy of `key`, so that other maps can share its memory; undefined when it is absent. */
  keyOf(key: string): string | undefined {
    const leaf = this.#leafOf(key);
    if (leaf === undefined) return undefined;
    const own = leaf.keys[lastAtMost(leaf.keys, key)];
    return own === key ? own : undefined;
  }

  has(key: string): boolean {
    return this.keyOf(key) !== undefined;
  }

  with(key: string, value: V, edit: Edit): PersistentMap<V> {
    const before = this.#root;
    if (before === undefined) return new PersistentMap<V>({ edit, height: 0, keys: [key], items: [value] }, 1);
    edit.keysAdded = 0;
    let root = put(before, key, value, edit);
    if (root.keys.length > WIDTH) {
      const [left, right] = split(root, key);
      const keys = [left.keys[0] as string, right.keys[0] as string];
      root = { edit, height: root.height + 1, keys, items: [left, right] };
    }
    return root === before && edit.keysAdded === 0 ? this : new PersistentMap<V>(root, this.size + edit.keysAdded);
  }

  without(key: string, edit: Edit): PersistentMap<V> {
    const before = this.#root;
    if (before === undefined) return this;
    edit.keysAdded = 0;
    let root = drop(before, key, edit);
    if (edit.keysAdded === 0) return this;
    while (root.height > 0 && root.items.length === 1) root = childAt(root, 0);
    return new PersistentMap<V>(root.keys.length === 0 ? undefined : root, this.size - 1);
  }

  /** Entries with keys above `after`, in order. */
  *entries(after?: string): Generator<readonly [key: string, value: V], void, undefined> {
    for (const [leaf, from] of this.#leaves(after))
      for (let at = from; at < leaf.keys.length; at++) yield [leaf.keys[at] as string, leaf.items[at] as V];
  }

  /**
   * Has `value` stand for the key's value from now on, in all versions that share it: another form of the same, such as one
   * that is quicker to read.
   */
  refine(key: string, value: V): void {
    const leaf = this.#leafOf(key);
    const at = leaf === undefined ? -1 : lastAtMost(leaf.keys, key);
    if (leaf !== undefined && at >= 0 && leaf.keys[at] === key) leaf.items[at] = value;
  }

  /** All keys, in order. */
  keys(): string[] {
    const root = this.#root;
    if (root?.height === 0) return root.keys.slice();
    const all: string[] = [];
    for (const [leaf] of this.#leaves()) for (const key of leaf.keys) all.push(key);
    return all;
  }

  get #root(): Node | undefined {
    if (this.#top === undefined) return undefined;
    const root = readTop(this.#top);
    this.#top = root;
    return root;
  }

  #leafOf(key: string): Node | undefined {
    let node = this.#root;
    while (node !== undefined && node.height > 0) node = childAt(node, Math.max(lastAtMost(node.keys, key), 0));
    return node;
  }

  /** Leaves from the one that holds the first key above `after`, with the place of that key. */
  *#leaves(after?: string): Generator<readonly [leaf: Node, from: number], void, undefined> {
    const root = this.#root;
    if (root === undefined) return;
    /** Path of branches, each with the child to visit next. */
    const path: { readonly node: Node; next: number }[] = [];
    let node = root;
    let seek = after;
    for (;;) {
      while (node.height > 0) {
        const at = seek === undefined ? 0 : Math.max(lastAtMost(node.keys, seek), 0);
        path.push({ node, next: at + 1 });
        node = lookAt(node, at);
      }
      yield [node, seek === undefined ? 0 : lastAtMost(node.keys, seek) + 1];
      seek = undefined;
      let above = path.at(-1);
      while (above !== undefined && above.next === above.node.items.length) {
        path.pop();
        above = path.at(-1);
      }
      if (above === undefined) return;
      node = lookAt(above.node, above.next++);
    }
  }
}

/** Place of the largest key that is at most `key`; -1 when there is none. */
function lastAtMost(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length - 1;
  // What comes in order, as a whole graph does when it is loaded, is mostly found at the end.
  if (high >= 0 && (keys[high] as string) <= key) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** `node` itself when it was made under `edit`, else a copy that is. */
const owned = (node: Node, edit: Edit): Node =>
  node.edit === edit ? node : { edit, height: node.height, keys: node.keys.slice(), items: node.items.slice() };

/** `node` with the entry; it may have one entry too many, which the caller splits. */
function put(node: Node, key: string, value: unknown, edit: Edit): Node {
  const at = lastAtMost(node.keys, key);
  if (node.height === 0) {
    const isPresent = at >= 0 && node.keys[at] === key;
    if (isPresent && node.items[at] === value) return node;
    const leaf = owned(node, edit);
    if (isPresent) leaf.items[at] = value;
    else {
      insertAt(leaf, at + 1, key, value);
      edit.keysAdded = 1;
    }
    return leaf;
  }
  const place = Math.max(at, 0);
  const child = childAt(node, place);
  const next = put(child, key, value, edit);
  if (next.keys.length > WIDTH) {
    const [left, right] = split(next, key);
    const branch = owned(node, edit);
    branch.items[place] = left;
    insertAt(branch, place + 1, right.keys[0] as string, right);
    return branch;
  }
  if (next === child) return node;
  const branch = owned(node, edit);
  branch.items[place] = next;
  return branch;
}

/** Two halves; or, when `key` came in at the end, all but the last and the last, so that keys added in order fill the nodes. */
function split(node: Node, key: string): readonly [left: Node, right: Node] {
  const isAppend = (node.keys.at(-1) as string) <= key;
  const at = isAppend ? node.keys.length - 1 : node.keys.length >>> 1;
  const part = (from: number, to: number): Node => ({
    edit: node.edit,
    height: node.height,
    // Slices are exactly as large as needed, which an array grown by insertion is not.
    keys: node.keys.slice(from, to),
    items: node.items.slice(from, to),
  });
  return [part(0, at), part(at, node.keys.length)];
}

function drop(node: Node, key: string, edit: Edit): Node {
  const at = lastAtMost(node.keys, key);
  if (node.height === 0) {
    if (at < 0 || node.keys[at] !== key) return node;
    const leaf = owned(node, edit);
    removeAt(leaf, at);
    edit.keysAdded = -1;
    return leaf;
  }
  const place = Math.max(at, 0);
  const next = drop(childAt(node, place), key, edit);
  if (edit.keysAdded === 0) return node;
  const branch = owned(node, edit);
  branch.items[place] = next;
  if (next.keys.length === 0) removeAt(branch, place);
  else if (next.keys.length < LOW && !join(branch, place, edit)) join(branch, place - 1, edit);
  return branch;
}

/** Joins the children at `place` and `place + 1` into one, if they fit. */
function join(branch: Node, place: number, edit: Edit): boolean {
  if (place < 0 || place + 1 >= branch.items.length) return false;
  const left = childAt(branch, place);
  const right = childAt(branch, place + 1);
  if (left.keys.length + right.keys.length > WIDTH) return false;
  const keys = left.keys.concat(right.keys);
  // The right branch's first key bounded nothing; here it must, as the branch's own did.
  if (left.height > 0) keys[left.keys.length] = branch.keys[place + 1] as string;
  branch.items[place] = { edit, height: left.height, keys, items: left.items.concat(right.items) };
  removeAt(branch, place + 1);
  return true;
}

function insertAt(node: Node, at: number, key: string, item: unknown): void {
  if (at === node.keys.length) {
    node.keys.push(key);
    node.items.push(item);
  } else {
    node.keys.splice(at, 0, key);
    node.items.splice(at, 0, item);
  }
}

function removeAt(node: Node, at: number): void {
  node.keys.splice(at, 1);
  node.items.splice(at, 1);
}
