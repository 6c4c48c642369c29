import { join } from "node:path";
import type { OwnService, PlannedNode } from "./node-plan.ts";
import type { StateDir } from "./state-dir.ts";

/** What all nodes of one cluster have in common. */
export interface ClusterFacts {
  readonly cluster: string;
  readonly clusterId: string;
  readonly stations: readonly string[];
  readonly natsUrls: readonly string[];
  /** Where the repository lies: services are run from there. */
  readonly root: string;
  readonly dir: StateDir;
}

/** The gRPC interfaces of the stations listen here and above: where halonctl looks for them by itself. */
const API_PORT_FIRST = 15_001;

/** A machine has few cores for all of these processes: each collects its garbage by itself, on the thread that made it. */
const NODE_FLAGS: readonly string[] = ["--single-threaded-gc"];

const programOf = (root: string, service: string): readonly string[] => [
  process.execPath,
  ...NODE_FLAGS,
  join(root, "services", service, "dist", "main.js"),
];

/** The command that runs a service of Halon. */
export const serviceCommand = (facts: ClusterFacts, service: OwnService | "node-agent" | "coordinator") =>
  programOf(facts.root, service);

/** Variables that a service needs beside cluster, node and broker, which its agent tells it. */
function serviceEnv(facts: ClusterFacts, node: string, service: OwnService): Readonly<Record<string, string>> {
  switch (service) {
    case "station-replica":
      return {
        HALON_STATE_DIR: facts.dir.station(node),
        HALON_CLUSTER_ID: facts.clusterId,
        HALON_API_ADDRESS: `127.0.0.1:${API_PORT_FIRST + facts.stations.indexOf(node)}`,
      };
    case "recovery-supervisor":
      return { HALON_STATIONS: facts.stations.join(",") };
    case "monitor":
    case "transponder":
      return {};
    default:
      return service satisfies never;
  }
}

/** The configuration file of a node's agent. */
export function agentConfig(planned: PlannedNode, facts: ClusterFacts): object {
  const { name, kind, services } = planned;
  const { dir } = facts;
  return {
    cluster: facts.cluster,
    node: name,
    natsUrl: facts.natsUrls,
    nodeKind: kind,
    // What others count on: who can be pinned as a monitor is known by this.
    roles: services,
    stateDir: dir.node(name),
    logDir: dir.logs,
    logFile: dir.log(name, "node-agent"),
    services: services.map((service) => ({
      name: service,
      command: serviceCommand(facts, service),
      env: serviceEnv(facts, name, service),
    })),
    ...(kind === "station" ? { coordinator: { kind: "process", command: serviceCommand(facts, "coordinator") } } : {}),
  };
}
