import type { MemberId } from "@halon/consensus";
import type { Cluster } from "@halon/consensus/conformance";
import { PAXOS_DEFAULTS } from "@halon/paxos";
import { paxosCluster } from "./cluster.ts";

/** The defaults of the product, in a cluster. */
export const production = (size: number, seed: number): Cluster => paxosCluster({ size, seed, config: PAXOS_DEFAULTS });

/** Waits for somebody to lead. */
export function leaderOf(cluster: Cluster): MemberId {
  cluster.until(() => cluster.leader !== undefined, 5_000, "somebody leads");
  return cluster.leader as MemberId;
}
