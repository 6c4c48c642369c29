import type { Chance } from "./chance.ts";
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
