import type { Chance } from "./chance.ts";
import { brokerOutage, delay, disconnection, duplication, loss, oneWayCut, ring, split } from "./faults-network.ts";
import { clockRate, crash, pause, powerCut, slowDisk, suspension } from "./faults-process.ts";
import type { SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

/** A kind of trouble. */
export interface FaultKind {
  readonly name: string;
  /** Makes trouble, and returns what ends it; undefined when there is nothing to strike now. */
  strike(world: World, chance: Chance): (() => void) | undefined;
}

/** Who may be struck. */
export interface FaultTargets {
  readonly processes: readonly SimulatedProcess[];
  /** Machines whose links, clocks, disks and connection to the broker may fail. */
  readonly machines: readonly string[];
}

/**
 * All that any system should survive. `members`: the machines among which a majority matters. What damages disks is
 * apart: who is struck must be one that can be replaced.
 */
export const everyFault = (targets: FaultTargets, members = targets.machines): readonly FaultKind[] => [
  crash(targets),
  powerCut(targets),
  pause(targets),
  suspension(targets),
  clockRate(targets),
  slowDisk(targets),
  oneWayCut(targets),
  split(targets),
  ring(members),
  loss(),
  duplication(),
  delay(),
  disconnection(targets),
  brokerOutage(),
];
