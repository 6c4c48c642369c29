import { isMemberId, type MemberId, memberName } from "@halon/consensus";
import { type Announce, type Directory, isName, type StationNotice } from "@halon/proto";

/** A process of which nothing was heard for this long is no longer named. */
const FORGET_MS = 3_000;
/** Processes of one role that are remembered; further ones are not named until others are forgotten. */
const NAMES_MAX = 4_096;
const ROLES = ["transponder", "monitor", "station"];

interface Heard {
  readonly atMs: number;
  readonly station: StationNotice | undefined;
}

/** Who has lately announced itself. A core: time is an input. */
export class Announced {
  readonly #heard = new Map<string, Map<string, Heard>>();

  #refused = 0;

  /** Announcements of unknown roles, under names that cannot stand in a subject, or beyond the names remembered. */
  get refused(): number {
    return this.#refused;
  }

  note({ role, node, station }: Announce, nowMs: number): void {
    const names = this.#heard.get(role) ?? new Map<string, Heard>();
    if (names.size >= NAMES_MAX) forget(names, nowMs);
    const isFull = names.size >= NAMES_MAX && !names.has(node);
    if (!ROLES.includes(role) || !isName(node) || isFull || !isFitting(role, node, station)) {
      this.#refused++;
      return;
    }
    names.set(node, { atMs: nowMs, station });
    this.#heard.set(role, names);
  }

  names(role: "transponder" | "monitor", nowMs: number): readonly string[] {
    return [...this.#lately(role, nowMs).keys()].sort();
  }

  /** Stations of one group, members or not. */
  stations(clusterId: string, nowMs: number): readonly StationNotice[] {
    return [...this.#lately("station", nowMs).values()].flatMap(({ station }) =>
      station?.clusterId === clusterId ? [station] : [],
    );
  }

  #lately(role: string, nowMs: number): ReadonlyMap<string, Heard> {
    const names = this.#heard.get(role) ?? new Map<string, Heard>();
    forget(names, nowMs);
    return names;
  }
}

function isFitting(role: string, node: string, station: StationNotice | undefined): boolean {
  if (role !== "station") return true;
  return station !== undefined && isMemberId(station.member) && memberName(station.member) === node;
}

function forget(names: Map<string, Heard>, nowMs: number): void {
  for (const [name, { atMs }] of names) if (nowMs - atMs > FORGET_MS) names.delete(name);
}

export const directoryOf = (
  clusterId: string,
  members: readonly MemberId[],
  leader: MemberId | undefined,
  announced: Announced,
  nowMs: number,
): Directory => ({
  stations: members.map(memberName),
  leader: leader === undefined ? "" : memberName(leader),
  transponders: announced.names("transponder", nowMs),
  monitors: announced.names("monitor", nowMs),
  group: { clusterId, members },
});
