import { INSTANCES_MAX } from "@halon/cluster-spec";
import { z } from "zod";
import type { GraphReader, VertexEntry } from "./graph-reader.ts";

/** Nodes that are listed at most; services are listed until there are as many instances. */
const LISTED_MAX = 1_000;

/** What is shown of the coordinator's vertices. A field that a version lacks, or has in another form, is shown empty. */
const text = z.string().catch("");
const count = z.int().min(0).catch(0);
const nodeShape = z.object({ kind: text, state: text, roles: z.array(z.string()).catch([]) });
const serviceShape = z.object({ exclusive: z.boolean().catch(false), instances: count });
const instanceShape = z.object({ state: text, port: count, generation: count, restarts: count, reason: text });

export interface NodeSummary extends z.infer<typeof nodeShape> {
  readonly name: string;
  /** How many instances are placed there. */
  readonly instances: number;
}

export interface InstanceSummary extends z.infer<typeof instanceShape> {
  readonly id: string;
  /** Where it is placed, or empty. */
  readonly node: string;
}

export interface ServiceSummary {
  readonly name: string;
  readonly exclusive: boolean;
  /** Instances that there shall be. */
  readonly wanted: number;
  readonly instances: readonly InstanceSummary[];
}

/** Vertices are JSON objects, whatever version wrote them. */
const read = <Shape extends z.ZodType>(shape: Shape, { value }: VertexEntry): z.infer<Shape> =>
  shape.parse(JSON.parse(value));

/** The first nodes by name. */
export function nodesOf(graph: GraphReader): { readonly nodes: readonly NodeSummary[]; readonly moreNodes: boolean } {
  const nodes: NodeSummary[] = [];
  for (const entry of graph.vertices("Node", "")) {
    if (nodes.length === LISTED_MAX) return { nodes, moreNodes: true };
    const instances = graph.countIn("Instance.runsOn.Node", entry.id, INSTANCES_MAX);
    nodes.push({ name: entry.id, ...read(nodeShape, entry), instances });
  }
  return { nodes, moreNodes: false };
}

/** Whole services by name, behind `after`, until enough instances are listed. */
export function servicesOf(
  graph: GraphReader,
  after: string,
): { readonly services: readonly ServiceSummary[]; readonly more: boolean } {
  const services: ServiceSummary[] = [];
  let listed = 0;
  for (const entry of graph.vertices("Service", after)) {
    if (listed >= LISTED_MAX || services.length >= LISTED_MAX) return { services, more: true };
    const { exclusive, instances: wanted } = read(serviceShape, entry);
    const instances = instancesOf(graph, entry.id);
    services.push({ name: entry.id, exclusive, wanted, instances });
    listed += instances.length;
  }
  return { services, more: false };
}

const instancesOf = (graph: GraphReader, service: string): readonly InstanceSummary[] =>
  graph.out("Service.has.Instance", service, INSTANCES_MAX).flatMap((id): InstanceSummary[] => {
    const instance = graph.vertex("Instance", id);
    if (instance === undefined) return [];
    return [{ id, node: graph.out("Instance.runsOn.Node", id, 1)[0] ?? "", ...read(instanceShape, instance) }];
  });
