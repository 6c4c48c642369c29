import type { ListedNode, Listing } from "./monitor-io.ts";

/**
 * What an earlier life of this monitor may have accused, and this one does not know: every session that was given before
 * this life began. None of those is ever acknowledged by it. Node by node that is all up to a floor, its newest session in
 * the first listing of this life, which misses nothing that was decided before. A node that is not in that listing had no
 * session. As many as a listing holds, and never more.
 */
export class Floors {
  readonly #floors = new Map<string, number>();
  /** Nodes whose floor could not be read yet. */
  readonly #unread = new Set<string>();
  #isTaken = false;

  /** True when the session is known to have been given after this life began. */
  isAbove(node: string, session: number): boolean {
    return this.#isTaken && !this.#unread.has(node) && session > (this.#floors.get(node) ?? 0);
  }

  /** True when floors were taken: by the first listing, or of a node that could not be read before. */
  take({ nodes, unreadable }: Listing): boolean {
    const isFirst = !this.#isTaken;
    this.#isTaken = true;
    if (isFirst) for (const node of unreadable) this.#unread.add(node);
    const due = isFirst ? nodes : nodes.filter(({ node }) => this.#unread.has(node));
    for (const each of due) this.#takeOne(each);
    return isFirst || due.length > 0;
  }

  #takeOne({ node, sessionLast }: ListedNode): void {
    this.#unread.delete(node);
    if (sessionLast > 0) this.#floors.set(node, sessionLast);
  }
}
