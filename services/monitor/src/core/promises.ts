/** Nodes to which a promise is remembered. */
export const PROMISES_MAX = 65_536;
/** A promise about a node that nobody asks this monitor to watch is kept at least for this: many times any right to run. */
export const PROMISE_KEEP_MS = 60_000;

interface Promised {
  readonly session: number;
  readonly atMs: number;
}

/**
 * What this monitor has promised by accusing: to acknowledge nothing of a node's session, nor of an older one. Kept also
 * when the node is no longer watched, as its agent may not know yet that it is over.
 */
export class Promises {
  /** Oldest first. */
  readonly #promised = new Map<string, Promised>();

  get size(): number {
    return this.#promised.size;
  }

  /** Sessions of the node up to this one are never acknowledged; 0 when there is no promise. */
  sessionOf(node: string): number {
    return this.#promised.get(node)?.session ?? 0;
  }

  /**
   * False when there is no room: then no accusation must be made. A promise makes room once it is old and its node is
   * not watched: each right that it could concern has run out.
   */
  make(node: string, session: number, nowMs: number, isWatched: (node: string) => boolean): boolean {
    if (!this.#promised.has(node) && this.#promised.size >= PROMISES_MAX && !this.#forgetOne(nowMs, isWatched))
      return false;
    const newest = Math.max(session, this.sessionOf(node));
    this.#promised.delete(node);
    this.#promised.set(node, { session: newest, atMs: nowMs });
    return true;
  }

  #forgetOne(nowMs: number, isWatched: (node: string) => boolean): boolean {
    for (const [node, { atMs }] of this.#promised) {
      if (nowMs - atMs < PROMISE_KEEP_MS) return false;
      if (isWatched(node)) continue;
      this.#promised.delete(node);
      return true;
    }
    return false;
  }
}
