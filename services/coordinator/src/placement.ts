import type { GraphView, Id } from "@halon/resource-graph";
import {
  hasInstance,
  Instance,
  Node,
  type NodeValue,
  Parameter,
  runsOn,
  Service,
  type ServiceValue,
  uses,
} from "./schema.ts";

export type Placement =
  | { readonly kind: "placed"; readonly node: Id<"Node"> }
  /** Why each node was not taken, in one sentence. */
  | { readonly kind: "none"; readonly reason: string };

/** Instances that have their place on one node. An agent takes 512. */
const NODE_INSTANCES_MAX = 256;
/** Specifications of all instances on one node, as JSON: they travel together in one welcome. */
export const NODE_SPEC_BYTES_MAX = 384 * 1024;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
/** What a specification takes beside command, directory and environment. */
const FRAME_BYTES = 256;

interface What {
  readonly command: readonly string[];
  readonly cwd: string;
}

/** About what one instance of a service adds to its node's welcome. */
export const specBytes = ({ command, cwd }: What, env: object): number =>
  FRAME_BYTES + bytesOf([command, cwd]) + bytesOf(env);

interface Load {
  count: number;
  bytes: number;
}

/**
 * Finds nodes for instances, one after the other: where fewest of its service run, then fewest instances in all, then
 * the first by name; the node to avoid only when there is no other. Counts what is there once, when first asked.
 */
export class Placer {
  readonly #graph: GraphView;
  readonly #loads = new Map<string, Load>();
  /** By service, then node. */
  readonly #siblings = new Map<string, Map<string, number>>();

  /** `graph` may change meanwhile only by what {@link took} is told. */
  constructor(graph: GraphView) {
    this.#graph = graph;
  }

  place(instance: Id<"Instance">): Placement {
    const graph = this.#graph;
    const value = graph.get(Instance, instance);
    const serviceId = graph.inOne(hasInstance, instance);
    const service = serviceId && graph.get(Service, serviceId);
    if (value === undefined || serviceId === undefined || service === undefined)
      return { kind: "none", reason: `${instance} belongs to no service` };
    const siblings = this.#siblingsOf(serviceId);
    const bytes = this.#bytesOf(instance);
    const refusals = new Map<string, number>();
    let best: { readonly id: Id<"Node">; readonly cost: readonly number[] } | undefined;
    for (const [id, node] of graph.all(Node)) {
      const why = refusal(node, service) ?? this.#fullness(id, bytes);
      if (why !== undefined) {
        refusals.set(why, (refusals.get(why) ?? 0) + 1);
        continue;
      }
      const cost = [id === value.avoid ? 1 : 0, siblings.get(id) ?? 0, this.#loadOf(id).count];
      if (best === undefined || isLess(cost, best.cost)) best = { id, cost };
    }
    if (best !== undefined) return { kind: "placed", node: best.id };
    const counted = [...refusals].map(([why, count]) => `${count} ${why}`);
    return {
      kind: "none",
      reason: counted.length === 0 ? "there are no nodes" : `no node fits: ${counted.join(", ")}`,
    };
  }

  /** The instance has been given that place. */
  took(instance: Id<"Instance">, node: Id<"Node">): void {
    const service = this.#graph.inOne(hasInstance, instance);
    const siblings = service === undefined ? undefined : this.#siblings.get(service);
    siblings?.set(node, (siblings.get(node) ?? 0) + 1);
    const load = this.#loads.get(node);
    if (load === undefined) return;
    load.count++;
    load.bytes += this.#bytesOf(instance);
  }

  #siblingsOf(service: Id<"Service">): Map<string, number> {
    const known = this.#siblings.get(service);
    if (known !== undefined) return known;
    const counts = new Map<string, number>();
    for (const sibling of this.#graph.out(hasInstance, service)) {
      const node = this.#graph.outOne(runsOn, sibling);
      if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    this.#siblings.set(service, counts);
    return counts;
  }

  #loadOf(node: Id<"Node">): Load {
    const known = this.#loads.get(node);
    if (known !== undefined) return known;
    const instances = this.#graph.in(runsOn, node);
    const load = { count: instances.length, bytes: instances.reduce((sum, id) => sum + this.#bytesOf(id), 0) };
    this.#loads.set(node, load);
    return load;
  }

  #bytesOf(instance: Id<"Instance">): number {
    const graph = this.#graph;
    const service = graph.inOne(hasInstance, instance);
    const value = service && graph.get(Service, service);
    const parameter = graph.outOne(uses, instance);
    const env = (parameter && graph.get(Parameter, parameter)?.env) ?? {};
    return value === undefined ? 0 : specBytes(value, env);
  }

  #fullness(node: Id<"Node">, bytes: number): string | undefined {
    const load = this.#loadOf(node);
    if (load.count >= NODE_INSTANCES_MAX) return `has ${NODE_INSTANCES_MAX} instances`;
    return load.bytes + bytes > NODE_SPEC_BYTES_MAX ? "has too long specifications already" : undefined;
  }
}

/** An exclusive instance needs a node that somebody watches: its right to run is renewed by monitors. */
function refusal(node: NodeValue, service: ServiceValue): string | undefined {
  if (!service.on.includes(node.kind)) return `is a ${node.kind} node`;
  if (node.state !== "up") return "is down";
  const newest = node.sessions.at(-1);
  if (newest === undefined || !newest.begun) return "has not begun its session";
  if (service.exclusive && newest.needed === 0) return "is watched by no monitor, which exclusive instances need";
  return undefined;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (const [at, cost] of a.entries()) {
    const other = b[at] ?? 0;
    if (cost !== other) return cost < other;
  }
  return false;
}
