import { type Announce, type Directory, isName } from "@halon/proto";

/** A process of which nothing was heard for this long is no longer named. */
const FORGET_MS = 3_000;
/** Processes of one role that are remembered; further ones are not named until others are forgotten. */
const NAMES_MAX = 4_096;

/** Who has lately announced itself. A core: time is an input. */
export class Announced {
  readonly #heardAtMs = new Map<string, Map<string, number>>();

  #refused = 0;

  /** Announcements of unknown roles, under names that cannot stand in a subject, or beyond the names remembered. */
  get refused(): number {
    return this.#refused;
  }

  note({ role, node }: Announce, nowMs: number): void {
    const isKnown = role === "transponder" || role === "monitor";
    const names = this.#heardAtMs.get(role) ?? new Map<string, number>();
    if (names.size >= NAMES_MAX) forget(names, nowMs);
    if (!isKnown || !isName(node) || (names.size >= NAMES_MAX && !names.has(node))) {
      this.#refused++;
      return;
    }
    names.set(node, nowMs);
    this.#heardAtMs.set(role, names);
  }

  names(role: "transponder" | "monitor", nowMs: number): readonly string[] {
    const names = this.#heardAtMs.get(role) ?? new Map<string, number>();
    forget(names, nowMs);
    return [...names.keys()].sort();
  }
}

function forget(names: Map<string, number>, nowMs: number): void {
  for (const [name, heardAtMs] of names) if (nowMs - heardAtMs > FORGET_MS) names.delete(name);
}

export const directoryOf = (
  stations: readonly string[],
  leader: string | undefined,
  announced: Announced,
  nowMs: number,
): Directory => ({
  stations,
  leader: leader ?? "",
  transponders: announced.names("transponder", nowMs),
  monitors: announced.names("monitor", nowMs),
});
