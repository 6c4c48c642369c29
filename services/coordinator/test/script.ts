import {
  type Accusation,
  decodeNodeCommand,
  type EventPayload,
  encodeEventPayload,
  type NodeCommand,
} from "@halon/proto";
import { fromJson, Graph, type toJson } from "@halon/resource-graph";
import {
  runScenario,
  runWithFailovers,
  type Scenario,
  type ScenarioOutcome,
  type ScenarioStep,
} from "@halon/rules/testing";
import { ENGINE_LIMITS } from "../src/checkpoint.ts";
import {
  Cluster,
  hasNode,
  Instance,
  type InstanceValue,
  Node,
  type NodeValue,
  RULES,
  runsOn,
  schema,
  THE_CLUSTER,
} from "../src/index.ts";
import { neededOf } from "../src/sessions.ts";

const agentOf = (node: string): string => `agent-${node}`;

/** A node that is up and in session 1, watched by `monitors`. */
export const nodeValue = (
  node: string,
  monitors: readonly string[] = [],
  more: Partial<NodeValue> = {},
): NodeValue => ({
  kind: "user",
  roles: [],
  state: "up",
  agentIncarnation: agentOf(node),
  sessionLast: 1,
  sessions: [{ session: 1, monitors: [...monitors], needed: neededOf(monitors), begun: true }],
  accusations: [],
  ...more,
});

export const WATCHERS = ["sat-1", "sat-2", "sat-3"];

/** Users of these names, watched by three satellites, all in session 1. */
export function graphOf(users: readonly string[], more: Readonly<Record<string, NodeValue>> = {}): Graph {
  const satellite: Partial<NodeValue> = { kind: "satellite", roles: ["monitor"] };
  return Graph.empty(schema).change((draft) => {
    draft.insert(Cluster, THE_CLUSTER, { generationLast: 0 });
    const values: Record<string, NodeValue> = {};
    for (const name of WATCHERS)
      values[name] = nodeValue(
        name,
        WATCHERS.filter((other) => other !== name),
        satellite,
      );
    for (const name of users) values[name] = nodeValue(name, WATCHERS);
    for (const [name, value] of Object.entries({ ...values, ...more }))
      draft.connect(hasNode, THE_CLUSTER, draft.insert(Node, name, value));
  }).graph;
}

/** What is sent in while log time goes on: each step ten milliseconds after the one before. */
export class Script {
  readonly #steps: ScenarioStep[] = [];
  #nowMs = 10_000;

  get nowMs(): number {
    return this.#nowMs;
  }

  get steps(): readonly ScenarioStep[] {
    return this.#steps;
  }

  event(payload: EventPayload, type = NAMES[payload.kind]): this {
    return this.raw(type, encodeEventPayload(payload));
  }

  raw(type: string, payload: Uint8Array): this {
    this.#nowMs += 10;
    this.#steps.push({ kind: "event", type, payload, atMs: this.#nowMs });
    return this;
  }

  /** Time enough for `count` steps of whatever goes on. */
  rest(count = 4): this {
    for (let at = 0; at < count; at++) this.pass(10);
    return this;
  }

  pass(spanMs: number): this {
    this.#nowMs += spanMs;
    this.#steps.push({ kind: "time", atMs: this.#nowMs });
    return this;
  }

  apply(services: object, prune = false): this {
    return this.event({ kind: "clusterSpec", value: { json: JSON.stringify({ services }), prune } }).rest();
  }

  nodeUp(node: string, roles: readonly string[] = [], kind = "user", agentIncarnation = agentOf(node)): this {
    const value = { node, agentIncarnation, kind, roles, inventory: [], session: 0 };
    return this.event({ kind: "nodeUp", value });
  }

  begun(node: string, session: number, agentIncarnation = agentOf(node)): this {
    return this.event({ kind: "sessionBegun", value: { node, agentIncarnation, session } }).rest(2);
  }

  monitorUp(monitor: string): this {
    return this.event({ kind: "monitorUp", value: { monitor } }).rest();
  }

  accuse(node: string, monitors: readonly string[], silentMs = 3_400, session = 1): this {
    const accusations = monitors.map((monitor): Accusation => ({ monitor, silentMs }));
    return this.event({ kind: "nodeUnreachable", value: { node, session, accusations } });
  }

  changed(node: string, instance: string, generation: number, state: string, reason = ""): this {
    const news = { instance, generation, state, port: state === "running" ? 4_000 : 0, pid: 7, restarts: 0, reason };
    return this.event({ kind: "instanceChanged", value: { node, state: news } }).rest(2);
  }

  scenario(graph: Graph, vars: Scenario["vars"] = {}): Scenario {
    return { rules: RULES, graph, steps: this.#steps, limits: ENGINE_LIMITS, vars };
  }

  /** With a coordinator that dies at each point where one can. */
  run(graph: Graph, vars: Scenario["vars"] = {}): Outcome {
    return new Outcome(runWithFailovers(this.scenario(graph, vars)));
  }

  /** For what would take too long that way. */
  runOnce(graph: Graph): Outcome {
    return new Outcome(runScenario(this.scenario(graph)));
  }
}

const NAMES: Readonly<Record<EventPayload["kind"], string>> = {
  nodeUp: "node-up",
  instanceChanged: "instance-changed",
  nodeUnreachable: "node-unreachable",
  clusterSpec: "cluster-spec",
  sessionBegun: "session-begun",
  monitorUp: "monitor-up",
};

/** How a script ended, and questions about it. */
export class Outcome {
  readonly scenario: ScenarioOutcome;
  readonly graph: Graph;
  readonly commands: readonly NodeCommand[];

  constructor(scenario: ScenarioOutcome) {
    this.scenario = scenario;
    this.graph = fromJson(schema, toPlain(scenario.graph));
    this.commands = scenario.commands.map(({ id, node, payload }) => ({ ...decodeNodeCommand(payload), id, node }));
  }

  /** `start web/0 on user-1`, in order. */
  get told(): readonly string[] {
    return this.commands.map(({ node, action }) => {
      if (action?.kind === "start") return `start ${action.value.spec?.instance} on ${node}`;
      if (action?.kind === "stop") return `stop ${action.value.instance} on ${node}`;
      return `welcome ${node} into ${action?.value.session}`;
    });
  }

  get decided(): readonly string[] {
    return this.scenario.decisions.map(({ outcome }) => outcome);
  }

  instance(id: string): (InstanceValue & { readonly node: string }) | undefined {
    const value = this.graph.get(Instance, Instance.id(id));
    return value && { ...value, node: this.graph.outOne(runsOn, Instance.id(id)) ?? "" };
  }

  node(id: string): NodeValue | undefined {
    return this.graph.get(Node, Node.id(id));
  }

  /** Where each instance is, `-` for nowhere. */
  get places(): Readonly<Record<string, string>> {
    const ids = [...this.graph.all(Instance)].map(([id]) => id);
    return Object.fromEntries(ids.map((id) => [id, this.instance(id)?.node || "-"]));
  }

  /** Rule instances that are left. */
  get left(): readonly string[] {
    return [...new Set(Object.keys(this.scenario.entries).map((key) => key.split("/").slice(0, 2).join("/")))];
  }
}

const toPlain = (graph: unknown): ReturnType<typeof toJson> => JSON.parse(JSON.stringify(graph));
