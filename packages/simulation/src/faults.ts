import type { FaultKind, FaultTargets } from "./fault.ts";
import { brokerOutage, delay, disconnection, duplication, loss, oneWayCut, ring, split } from "./faults-network.ts";
import { clockRate, crash, pause, powerCut, slowDisk, suspension } from "./faults-process.ts";

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
