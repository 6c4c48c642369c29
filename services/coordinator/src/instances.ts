import { createHash } from "node:crypto";
import type { InstanceSpec, NodeAction } from "@halon/proto";
import { encodeValue, type GraphDraft, type GraphView, type Id } from "@halon/resource-graph";
import type { Budget } from "./budget.ts";
import { type Placement, Placer, specBytes } from "./placement.ts";
import {
  awaits,
  Cluster,
  hasInstance,
  hasService,
  Instance,
  type InstanceValue,
  Node,
  Parameter,
  runsOn,
  Service,
  type ServiceValue,
  THE_CLUSTER,
  uses,
} from "./schema.ts";

/** What an agent is to be told about an instance. */
export interface Order {
  readonly node: string;
  readonly instance: string;
  /** The node's newest session: in an older one the agent is too early for the order, in a newer one too late. 0: any. */
  readonly session: number;
  readonly action: NodeAction;
}

const NEW_INSTANCE: InstanceValue = {
  index: 0,
  generation: 0,
  desired: "running",
  state: "pending",
  port: 0,
  pid: 0,
  restarts: 0,
  reason: "",
  notBeforeMs: 0,
  avoid: "",
};

export const instanceId = (service: string, index: number): Id<"Instance"> => Instance.id(`${service}/${index}`);

/** What the agent needs to run the instance. */
function specOf(graph: GraphView, id: Id<"Instance">): InstanceSpec {
  const value = graph.get(Instance, id) as InstanceValue;
  const service = graph.inOne(hasInstance, id) as Id<"Service">;
  const { command, cwd, exclusive, restartsMax, restartWindowMs } = graph.get(Service, service) as ServiceValue;
  const parameter = graph.outOne(uses, id);
  const env = parameter === undefined ? {} : (graph.get(Parameter, parameter)?.env ?? {});
  return {
    instance: id,
    service,
    generation: value.generation,
    command,
    env,
    exclusive,
    restartsMax,
    restartWindowMs,
    cwd,
  };
}

/** All that shall run on the node, for its agent's welcome. */
export const specsOn = (graph: GraphView, node: Id<"Node">): readonly InstanceSpec[] =>
  graph
    .in(runsOn, node)
    .filter((id) => graph.get(Instance, id)?.desired === "running")
    .map((id) => specOf(graph, id));

/** Makes sure that the instance is there, wanted, and has these parameters. True when anything changed. */
export function wantInstance(
  draft: GraphDraft,
  service: Id<"Service">,
  index: number,
  env: Readonly<Record<string, string>>,
): boolean {
  const id = instanceId(service, index);
  const parameter = Parameter.id(createHash("sha256").update(encodeValue(env)).digest("hex").slice(0, 32));
  const present = draft.get(Instance, id);
  if (present !== undefined && present.desired === "running" && draft.outOne(uses, id) === parameter) return false;
  if (present === undefined) draft.insert(Instance, id, { ...NEW_INSTANCE, index });
  else draft.update(Instance, id, { desired: "running" });
  draft.connect(hasInstance, service, id);
  const before = draft.outOne(uses, id);
  draft.put(Parameter, parameter, { env: { ...env } });
  draft.connect(uses, id, parameter);
  if (before !== undefined && before !== parameter && draft.inCount(uses, before) === 0)
    draft.remove(Parameter, before);
  if (draft.outOne(runsOn, id) === undefined) draft.connect(awaits, THE_CLUSTER, id);
  return true;
}

/** Takes the instance from where it ran; it waits for a place. */
export function unplace(draft: GraphDraft, id: Id<"Instance">, why: Partial<InstanceValue>): void {
  const node = draft.outOne(runsOn, id);
  if (node !== undefined) draft.disconnect(runsOn, id, node);
  draft.update(Instance, id, { state: "pending", port: 0, pid: 0, ...why });
  draft.connect(awaits, THE_CLUSTER, id);
}

/**
 * Gives places to instances that wait for one and may be started by now, as far as `budget` goes, and says what to tell
 * whom. Those that are not wanted any more are forgotten, but not before another of that name could be started.
 */
export function placeWaiting(draft: GraphDraft, logTimeMs: number, budget: Budget): readonly Order[] {
  const orders: Order[] = [];
  const placer = new Placer(draft);
  for (const id of draft.out(awaits, THE_CLUSTER)) {
    if (budget.isSpent) break;
    const value = draft.get(Instance, id);
    if (value === undefined || value.notBeforeMs > logTimeMs) continue;
    if (value.desired === "stopped") {
      budget.spend(0);
      removeInstance(draft, id);
      continue;
    }
    const placement = waitsFor(draft, id) ?? placer.place(id);
    if (placement.kind === "none") {
      if (value.reason === placement.reason) continue;
      budget.spend(0);
      draft.update(Instance, id, { reason: placement.reason });
      continue;
    }
    draft.disconnect(awaits, THE_CLUSTER, id);
    placer.took(id, placement.node);
    draft.connect(runsOn, id, placement.node);
    orders.push(startOrder(draft, id, budget));
  }
  return orders;
}

/** Why the instance is not to be started yet, if its service comes after others. One that is wanted no more is not waited for. */
function waitsFor(graph: GraphView, id: Id<"Instance">): (Placement & { readonly kind: "none" }) | undefined {
  const service = graph.inOne(hasInstance, id);
  const { after = [] } = (service && graph.get(Service, service)) ?? {};
  const missing = after.find((name) => {
    const other = Service.id(name);
    const isWanted = (graph.get(Service, other)?.instances ?? 0) > 0;
    return isWanted && !graph.out(hasInstance, other).some((each) => graph.get(Instance, each)?.state === "running");
  });
  return missing === undefined ? undefined : { kind: "none", reason: `waits for ${missing}, which does not run yet` };
}

function nextGeneration(draft: GraphDraft): number {
  const generation = (draft.get(Cluster, THE_CLUSTER)?.generationLast ?? 0) + 1;
  draft.put(Cluster, THE_CLUSTER, { generationLast: generation });
  return generation;
}

const newestSession = (graph: GraphView, node: Id<"Node">): number =>
  graph.get(Node, node)?.sessions.at(-1)?.session ?? 0;

/** A new decision about an instance that has a place: its agent starts it, or restarts it once. */
export function startOrder(draft: GraphDraft, id: Id<"Instance">, budget: Budget): Order {
  draft.update(Instance, id, { generation: nextGeneration(draft), state: "starting", reason: "", notBeforeMs: 0 });
  const node = draft.outOne(runsOn, id) as Id<"Node">;
  const spec = specOf(draft, id);
  budget.spend(specBytes(spec, spec.env));
  return { node, instance: id, session: newestSession(draft, node), action: { kind: "start", value: { spec } } };
}

/** The instance is not wanted any more. It stays in the graph until its agent has stopped it, or it has no place. */
export function unwantInstance(draft: GraphDraft, id: Id<"Instance">, budget: Budget): readonly Order[] {
  if (draft.get(Instance, id)?.desired !== "running") return [];
  budget.spend(0);
  draft.update(Instance, id, { desired: "stopped", generation: nextGeneration(draft) });
  return draft.outOne(runsOn, id) === undefined ? [] : [stopOrder(draft, id)];
}

/** Tells the node of an unwanted instance to stop it, in the session that the node has by now. */
export function stopOrder(graph: GraphView, id: Id<"Instance">): Order {
  const node = graph.outOne(runsOn, id) as Id<"Node">;
  const { generation } = graph.get(Instance, id) as InstanceValue;
  const action = { kind: "stop", value: { instance: id, generation } } as const;
  return { node, instance: id, session: newestSession(graph, node), action };
}

/** Forgets the instance, and its service with the last one when that was dropped. */
export function removeInstance(draft: GraphDraft, id: Id<"Instance">): void {
  const parameter = draft.outOne(uses, id);
  const service = draft.inOne(hasInstance, id);
  draft.remove(Instance, id);
  if (parameter !== undefined && draft.inCount(uses, parameter) === 0) draft.remove(Parameter, parameter);
  const isLast = service !== undefined && draft.outCount(hasInstance, service) === 0;
  if (isLast && draft.inOne(hasService, service) === undefined) draft.remove(Service, service);
}
