import {
  INSTANCES_MAX,
  type Mistake,
  parseSpecJson,
  SERVICES_MAX,
  type ServiceSpec,
  type Spec,
} from "@halon/cluster-spec";
import type { GraphDraft, GraphView, Id } from "@halon/resource-graph";
import { type RuleContext, type RuleRun, rule } from "@halon/rules";
import { Budget, NOTHING_SPENT, type Spent } from "../budget.ts";
import { instanceId, type Order, startOrder, unwantInstance, wantInstance } from "../instances.ts";
import { NODE_SPEC_BYTES_MAX, specBytes } from "../placement.ts";
import {
  Cluster,
  hasInstance,
  hasService,
  Instance,
  Parameter,
  runsOn,
  Service,
  type ServiceValue,
  THE_CLUSTER,
  uses,
} from "../schema.ts";
import { ClusterSpecEvent } from "./event-types.ts";
import { breathe, give, workOff } from "./orders.ts";

const MISTAKES_TOLD_MAX = 20;
/** Operations for orders and for placing what is new: enough for all instances that there may be. */
const ORDER_OPERATIONS_MAX = INSTANCES_MAX * 1.2;

/** What one change has done. */
interface Part {
  readonly orders: readonly Order[];
  /** By the step that it belongs to, so far. */
  readonly spent: Spent;
  /** Its step is full: go on from there in another one. */
  readonly next: Cursor | undefined;
}

interface Cursor {
  readonly index: number;
  /** The service runs something else than before: what runs must be restarted. */
  readonly isOther: boolean;
}

/**
 * Makes the services be what the specification says, in steps that fit into a checkpoint each. Applying the same again
 * changes nothing. What is refused changes nothing.
 */
export const clusterSpec = rule("cluster-spec", {
  version: 1,
  on: ClusterSpecEvent,
  key: () => "cluster",
  *run(ctx, { json, prune }) {
    const parsed = parseSpecJson(json);
    if (parsed.kind === "mistakes") return refuse(ctx, parsed.mistakes.map(mistakeText));
    const { services } = parsed.spec;
    const excess = yield* ctx.read((graph) => excessOf(graph, parsed.spec, prune));
    if (excess.length > 0) return refuse(ctx, excess);
    const given = yield* applyAll(ctx, parsed.spec, prune);
    const orders = given + (yield* workOff(ctx, ORDER_OPERATIONS_MAX - given));
    // The journal and the event are removed and replaced together: that takes a checkpoint of its own.
    yield* breathe(ctx);
    return ctx.decide("specification applied", { services: services.length, orders });
  },
});

const mistakeText = ({ path, message }: Mistake): string => `${path.join(".")}: ${message}`.slice(0, 256);

const refuse = (ctx: RuleContext, mistakes: readonly string[]) =>
  ctx.decide("specification refused", {
    mistakes: mistakes.slice(0, MISTAKES_TOLD_MAX),
    more: Math.max(0, mistakes.length - MISTAKES_TOLD_MAX),
  });

/** Why the specification, applied to this graph, would be too much. */
function excessOf(graph: GraphView, { services }: Spec, prune: boolean): readonly string[] {
  const named = new Map(services.map((service) => [service.name, service]));
  let count = 0;
  for (const service of services) {
    const present = graph.out(hasInstance, Service.id(service.name));
    count += service.instances + present.filter((id) => indexOf(graph, id) >= service.instances).length;
  }
  const absent = [...graph.all(Service)].filter(([id]) => !named.has(id));
  for (const [id] of absent) count += graph.outCount(hasInstance, id);
  const serviceCount = services.length + absent.length;
  const excess: string[] = [];
  if (serviceCount > SERVICES_MAX)
    excess.push(`${serviceCount} services in the cluster: at most ${SERVICES_MAX} are allowed`);
  if (count > INSTANCES_MAX)
    excess.push(
      `${count} instances in the cluster, with those that stay or are being stopped: at most ${INSTANCES_MAX} are allowed`,
    );
  if (excess.length > 0 && !prune && absent.length > 0)
    excess.push(`${absent.length} services are not in this specification and stay: apply with --prune to stop them`);
  return [...excess, ...fullNodes(graph, named)];
}

/** Nodes whose instances would have longer specifications than a welcome takes. */
function fullNodes(graph: GraphView, named: ReadonlyMap<string, ServiceSpec>): readonly string[] {
  const bytes = new Map<string, number>();
  for (const [id, { index }] of graph.all(Instance)) {
    const node = graph.outOne(runsOn, id);
    const service = graph.inOne(hasInstance, id);
    const value = service === undefined ? undefined : (named.get(service) ?? graph.get(Service, service));
    if (node === undefined || service === undefined || value === undefined) continue;
    const parameter = graph.outOne(uses, id);
    const present = (parameter && graph.get(Parameter, parameter)?.env) ?? {};
    const env = named.get(service)?.envs[index] ?? present;
    bytes.set(node, (bytes.get(node) ?? 0) + specBytes(value, env));
  }
  return [...bytes].flatMap(([node, sum]) =>
    sum > NODE_SPEC_BYTES_MAX
      ? [`what runs on ${node} would take ${sum} bytes: at most ${NODE_SPEC_BYTES_MAX} fit; shorten command or env`]
      : [],
  );
}

const indexOf = (graph: GraphView, id: Id<"Instance">): number => graph.get(Instance, id)?.index ?? 0;

/** Services first, so that what is dropped makes room only for what comes later. Gives the number of orders. */
function* applyAll(ctx: RuleContext, { services }: Spec, prune: boolean): RuleRun<number> {
  const names = new Set(services.map(({ name }) => name));
  const isAbsent = (id: string): boolean => prune && !names.has(id);
  const absent = yield* ctx.read((graph) => graph.out(hasService, THE_CLUSTER).filter(isAbsent));
  const works = [
    ...services.map((spec) => (draft: GraphDraft, spent: Spent, at?: Cursor) => want(draft, spec, spent, at)),
    ...absent.map((id) => (draft: GraphDraft, spent: Spent) => drop(draft, id, spent)),
  ];
  let given = 0;
  let spent = NOTHING_SPENT;
  for (const work of works)
    for (let at: Cursor | undefined, isDone = false; !isDone; ) {
      const [before, from] = [spent, at];
      const part: Part = yield* ctx.update((draft) => work(draft, before, from));
      yield* give(ctx, part.orders);
      given += part.orders.length;
      at = part.next;
      isDone = at === undefined;
      spent = isDone ? part.spent : NOTHING_SPENT;
      if (!isDone) yield* breathe(ctx);
    }
  if (spent.items > 0) yield* breathe(ctx);
  return given;
}

function want(draft: GraphDraft, spec: ServiceSpec, spent: Spent, at: Cursor | undefined): Part {
  const budget = new Budget(spent);
  const isOther = at?.isOther ?? putService(draft, spec, budget);
  const service = Service.id(spec.name);
  const orders: Order[] = [];
  for (let index = at?.index ?? 0; index < spec.instances; index++) {
    if (budget.isSpent) return { orders, spent: budget.spent, next: { index, isOther } };
    const id = instanceId(spec.name, index);
    const env = spec.envs[index] ?? {};
    const isChanged = wantInstance(draft, service, index, env);
    const runs = draft.outOne(runsOn, id) !== undefined;
    if (runs && (isChanged || isOther)) orders.push(startOrder(draft, id, budget));
    else if (isChanged) budget.spend(specBytes(spec, env));
  }
  const isMore = stopFrom(draft, service, spec.instances, budget, orders);
  return { orders, spent: budget.spent, next: isMore ? { index: spec.instances, isOther } : undefined };
}

/** True when the service runs something else than before. */
function putService(draft: GraphDraft, spec: ServiceSpec, budget: Budget): boolean {
  if (!draft.has(Cluster, THE_CLUSTER)) draft.insert(Cluster, THE_CLUSTER, { generationLast: 0 });
  const id = Service.id(spec.name);
  const { command, cwd, exclusive, instances, restartsMax, restartWindowMs, after, on } = spec;
  const before = draft.get(Service, id);
  const run = { command: [...command], cwd, exclusive, restartsMax, restartWindowMs };
  draft.put(Service, id, { ...before, ...run, instances, after: [...after], on: [...on] });
  draft.connect(hasService, THE_CLUSTER, id);
  const isOther = before !== undefined && JSON.stringify(runOf(before)) !== JSON.stringify(run);
  const isReordered = JSON.stringify(before?.after ?? []) !== JSON.stringify(after);
  if (isOther || isReordered || before?.instances !== instances) budget.spend(specBytes(spec, {}));
  return isOther;
}

/** What a running instance must be restarted for. */
const runOf = ({ command, cwd, exclusive, restartsMax, restartWindowMs }: ServiceValue) => ({
  command,
  cwd,
  exclusive,
  restartsMax,
  restartWindowMs,
});

/** Dropped, it is a service of the cluster no more; it goes with its last instance. */
function drop(draft: GraphDraft, id: Id<"Service">, spent: Spent): Part {
  const budget = new Budget(spent);
  draft.disconnect(hasService, THE_CLUSTER, id);
  const orders: Order[] = [];
  budget.spend(0);
  if (draft.outCount(hasInstance, id) === 0) {
    draft.remove(Service, id);
    return { orders, spent: budget.spent, next: undefined };
  }
  draft.update(Service, id, { instances: 0 });
  const isMore = stopFrom(draft, id, 0, budget, orders);
  return { orders, spent: budget.spent, next: isMore ? { index: 0, isOther: false } : undefined };
}

/** Stops the instances from index `keep` on. True when there are more than fit into this step. */
function stopFrom(draft: GraphDraft, id: Id<"Service">, keep: number, budget: Budget, orders: Order[]): boolean {
  for (const instance of draft.out(hasInstance, id)) {
    const { index = 0, desired } = draft.get(Instance, instance) ?? {};
    if (index < keep || desired === "stopped") continue;
    if (budget.isSpent) return true;
    orders.push(...unwantInstance(draft, instance, budget));
  }
  return false;
}
