import type { Announce, Directory } from "@halon/proto";

/** A process of which nothing was heard for this long is no longer named. */
const FORGET_MS = 3_000;
/** Processes of one role that are remembered; further ones are not named until others are forgotten. */
const NAMES_MAX = 4_096;

/** Who has lately announced itself. A core: time is an input. */
export class Announced {
  readonly #heardAtMs = new Map<string, Map<string, number>>();

  note({ role, node }: Announce, nowMs: number): void {
    const names = this.#heardAtMs.get(role) ?? new Map<string, number>();
    if (role === "transponder" || role === "monitor") this.#heardAtMs.set(role, names);
    if (names.has(node) || names.size < NAMES_MAX) names.set(node, nowMs);
  }

  names(role: "transponder" | "monitor", nowMs: number): readonly string[] {
    const names = this.#heardAtMs.get(role) ?? new Map<string, number>();
    for (const [name, heardAtMs] of names) if (nowMs - heardAtMs > FORGET_MS) names.delete(name);
    return [...names.keys()].sort();
  }
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
