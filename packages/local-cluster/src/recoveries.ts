import type { ClusterView } from "./view.ts";

/** Something that was gone and is back. */
export interface Recovery {
  /** `web/2`, `coordinator`, `leader`. */
  readonly what: string;
  /** Where it was, and is now. */
  readonly from: string;
  readonly to: string;
  readonly spanMs: number;
  /** When it was back, on the same clock as all times here. */
  readonly atMs: number;
}

interface Last {
  /** Differs between any two that follow one another. */
  readonly identity: string;
  readonly place: string;
  /** When it was seen last. */
  readonly atMs: number;
}

/** Recoveries that are remembered. */
export const RECOVERIES_MAX = 8;

/** Sees recoveries in a series of views. A span begins with the deed that caused it if that is known, else when all was last seen well. */
export class Recoveries {
  readonly #last = new Map<string, Last>();
  #deedAtMs = Number.NEGATIVE_INFINITY;
  #all: readonly Recovery[] = [];

  /** Newest first. */
  get all(): readonly Recovery[] {
    return this.#all;
  }

  /** What was seen until now were no recoveries: all has only just started. */
  forget(): void {
    this.#all = [];
  }

  /** Somebody has killed or paused something. */
  onDeed(nowMs: number): void {
    this.#deedAtMs = nowMs;
  }

  /** Returns the recoveries that this view shows. */
  onView(view: ClusterView, nowMs: number): readonly Recovery[] {
    const fresh: Recovery[] = [];
    const present = presentIn(view);
    for (const [what, { identity, place }] of present) {
      const last = this.#last.get(what);
      if (last !== undefined && last.identity !== identity) {
        const sinceMs = Math.max(this.#deedAtMs, last.atMs);
        fresh.push({ what, from: last.place, to: place, spanMs: nowMs - sinceMs, atMs: nowMs });
      }
      this.#last.set(what, { identity, place, atMs: nowMs });
    }
    const names = new Set(view.instances.map(({ id }) => id));
    for (const what of this.#last.keys()) if (what.includes("/") && !names.has(what)) this.#last.delete(what);
    this.#all = [...fresh, ...this.#all].slice(0, RECOVERIES_MAX);
    return fresh;
  }
}

/** All that is well, by name. */
function presentIn(view: ClusterView): ReadonlyMap<string, Omit<Last, "atMs">> {
  const present = new Map<string, Omit<Last, "atMs">>();
  const { leader, coordinator, lease } = view;
  if (leader !== undefined) present.set("leader", { identity: leader, place: leader });
  if (coordinator !== undefined) present.set("coordinator", { identity: `${lease?.epoch}`, place: coordinator });
  for (const { id, node = "", answers, answerPid, generation } of view.instances)
    if (answers) present.set(id, { identity: `${node} ${generation} ${answerPid}`, place: node });
  return present;
}

export function recoveryText({ what, from, to, spanMs }: Recovery): string {
  const where = from === to ? `on ${to}` : `from ${from} on ${to}`;
  return `${what} is back ${where} after ${(spanMs / 1_000).toFixed(2)} s`;
}
