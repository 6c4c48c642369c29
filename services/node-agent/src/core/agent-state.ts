import type { InstanceSpec } from "@halon/proto";
import type { KnownProcess } from "../instance-driver.ts";

/** What is kept of one instance. */
export interface InstanceRecord {
  readonly spec: InstanceSpec;
  /** False: it was stopped. The record stays for its generation. */
  readonly wanted: boolean;
  readonly failed: boolean;
  readonly restarts: number;
  readonly reason: string;
  /** Last port it had, 0 for none. */
  readonly port: number;
}

/** What an agent keeps over its own restart. */
export interface AgentState {
  /** Highest epoch seen. */
  readonly epoch: number;
  /** Epoch of the newest coordinator activated here, 0 for none. */
  readonly activated: number;
  readonly session: number;
  readonly monitors: readonly string[];
  readonly needed: number;
  readonly instances: readonly InstanceRecord[];
  /** All that ran, the node's own services and the coordinator too. */
  readonly processes: readonly KnownProcess[];
}

export const NO_STATE: AgentState = {
  epoch: 0,
  activated: 0,
  session: 0,
  monitors: [],
  needed: 0,
  instances: [],
  processes: [],
};
