import { LocalError } from "./local-error.ts";

export type NodeKind = "station" | "satellite" | "user";

/** How many nodes of each kind. */
export interface Shape {
  readonly stations: number;
  readonly satellites: number;
  readonly users: number;
}

export const SHAPE_DEFAULT: Shape = { stations: 3, satellites: 2, users: 4 };
/** Groups of stations that make sense: an even number tolerates no more losses than the odd one below it. */
export const STATION_COUNTS: readonly number[] = [1, 3, 5, 7];
/** What one machine is asked to bear: each node is several processes. */
export const SATELLITES_MAX = 16;
export const USERS_MAX = 32;

/** One node of the cluster, and the services of Halon that its agent keeps running. */
export interface PlannedNode {
  readonly name: string;
  readonly kind: NodeKind;
  /** Without the coordinator, which runs where it is elected. */
  readonly services: readonly OwnService[];
}

export type OwnService = "station-replica" | "recovery-supervisor" | "monitor" | "transponder";

const SERVICES: Readonly<Record<NodeKind, readonly OwnService[]>> = {
  // A station's monitor is of last resort: sessions are pinned to those of satellites first.
  station: ["station-replica", "recovery-supervisor", "monitor"],
  satellite: ["transponder", "monitor"],
  user: [],
};

/** All nodes, stations first, numbered from 1 within their kind. Throws {@link LocalError} for impossible numbers. */
export function planNodes(shape: Shape): readonly PlannedNode[] {
  const { stations, satellites, users } = shape;
  if (!STATION_COUNTS.includes(stations))
    throw new LocalError(`--stations ${stations}: choose one of ${STATION_COUNTS.join(", ")}`);
  assertCount("satellites", satellites, SATELLITES_MAX);
  assertCount("users", users, USERS_MAX);
  return [...nodesOf("station", stations), ...nodesOf("satellite", satellites), ...nodesOf("user", users)];
}

function assertCount(name: string, count: number, max: number): void {
  if (!Number.isInteger(count) || count < 0 || count > max)
    throw new LocalError(`--${name} ${count}: choose a whole number from 0 to ${max}`);
}

const nodesOf = (kind: NodeKind, count: number): readonly PlannedNode[] =>
  Array.from({ length: count }, (_, at) => ({ name: `${kind}-${at + 1}`, kind, services: SERVICES[kind] }));
