import {
  type Cluster,
  hasInstance,
  hasNode,
  hasService,
  type InstanceValue,
  type NodeValue,
  runsOn,
  type ServiceValue,
  uses,
} from "@halon/coordinator";
import type { GraphChange } from "@halon/resource-graph";

export const INSTANCES_PER_NODE = 10;
const INSTANCES_PER_SERVICE = 1_000;
/** Instances that have parameters: so many, that there are two edges per vertex in all. */
const PARAMETER_EVERY = 10;
const PARAMETER = "5f3a51c2";
/** Coprime to any number of nodes that is used here: neighbours in name are not on one node. */
const STRIDE = 7_919;
const CLUSTER: Parameters<typeof Cluster.id>[0] = "cluster";

export const nodeId = (number: number): string => `user-${number}`;

export function instanceId(number: number): string {
  return `service-${Math.floor(number / INSTANCES_PER_SERVICE)}/${number % INSTANCES_PER_SERVICE}`;
}

const nodeValue = (number: number): NodeValue => ({
  kind: "user",
  roles: ["node-agent"],
  state: "up",
  agentIncarnation: (number * STRIDE).toString(16).padStart(16, "0"),
  sessionLast: 1,
  sessions: [
    {
      session: 1,
      monitors: [1, 2, 3].map((offset) => `satellite-${1 + ((number + offset) % 100)}.monitor`),
      needed: 2,
      begun: true,
    },
  ],
  accusations: [],
});

const SERVICE: ServiceValue = {
  command: ["node", "examples/web.mjs"],
  cwd: "",
  exclusive: false,
  instances: INSTANCES_PER_SERVICE,
  restartsMax: 3,
  restartWindowMs: 60_000,
  on: ["user"],
};

const instanceValue = (number: number): InstanceValue => ({
  index: number % INSTANCES_PER_SERVICE,
  generation: number + 1,
  desired: "running",
  state: "running",
  port: 20_000 + (number % 10_000),
  pid: 1_000 + (number % 60_000),
  restarts: 0,
  reason: "",
  notBeforeMs: 0,
  avoid: "",
});

/** A cluster at work: its nodes, ten instances on each, services of a thousand instances. Vertices first. */
export function* stateOf(nodeCount: number): Generator<GraphChange, void, undefined> {
  const instanceCount = nodeCount * INSTANCES_PER_NODE;
  const services = Array.from({ length: Math.ceil(instanceCount / INSTANCES_PER_SERVICE) }, (_, at) => `service-${at}`);
  yield { kind: "putVertex", type: "Cluster", id: CLUSTER, value: { generationLast: instanceCount } };
  yield { kind: "putVertex", type: "Parameter", id: PARAMETER, value: { env: { LEVEL: "info" } } };
  for (const id of services) yield { kind: "putVertex", type: "Service", id, value: SERVICE };
  for (let at = 0; at < nodeCount; at++)
    yield { kind: "putVertex", type: "Node", id: nodeId(at), value: nodeValue(at) };
  for (let at = 0; at < instanceCount; at++)
    yield { kind: "putVertex", type: "Instance", id: instanceId(at), value: instanceValue(at) };
  for (const to of services) yield { kind: "putEdge", relation: hasService.key, from: CLUSTER, to };
  for (let at = 0; at < nodeCount; at++)
    yield { kind: "putEdge", relation: hasNode.key, from: CLUSTER, to: nodeId(at) };
  for (let at = 0; at < instanceCount; at++) {
    const id = instanceId(at);
    const service = services[Math.floor(at / INSTANCES_PER_SERVICE)] as string;
    yield { kind: "putEdge", relation: hasInstance.key, from: service, to: id };
    yield { kind: "putEdge", relation: runsOn.key, from: id, to: nodeId((at * STRIDE) % nodeCount) };
    if (at % PARAMETER_EVERY === 0) yield { kind: "putEdge", relation: uses.key, from: id, to: PARAMETER };
  }
}
