import { relation, Schema, type VertexType, type VertexValue, vertexType } from "@halon/resource-graph";

/** What a field is; a function says what it expects when it is not so. */
type Check = (value: unknown) => string | undefined;

const count: Check = (value) => (typeof value === "number" && value >= 0 ? undefined : "a number");
const text: Check = (value) => (typeof value === "string" ? undefined : "a text");
const flag: Check = (value) => (typeof value === "boolean" ? undefined : "true or false");
const texts: Check = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === "string") ? undefined : "a list of texts";
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : `one of ${words.join(", ")}`;

/** A vertex whose fields of interest are checked; all others are kept as they are. */
function fields<V extends VertexValue>(checks: { readonly [Field in keyof V]: Check }): (value: unknown) => V | string {
  return (value) => {
    const given = value as Record<string, unknown>;
    for (const [field, check] of Object.entries(checks) as [string, Check][]) {
      const expected = check(given[field]);
      if (expected !== undefined) return `${field}: ${expected} was expected`;
    }
    return value as V;
  };
}

export type NodeValue = {
  readonly kind: "station" | "satellite" | "user";
  readonly state: "up" | "down";
  /** Halon's own services there. */
  readonly roles: readonly string[];
};

export type ServiceValue = {
  readonly command: readonly string[];
  readonly exclusive: boolean;
  /** How many there shall be. */
  readonly instances: number;
};

export type InstanceValue = {
  /** Raised by each decision about the instance. */
  readonly generation: number;
  readonly desired: "running" | "stopped";
  /** `pending`: it has no node. */
  readonly state: "pending" | "starting" | "running" | "failed" | "stopped";
  /** 0 while it has none. */
  readonly port: number;
  readonly restarts: number;
  readonly reason: string;
};

export const Cluster: VertexType<"Cluster"> = vertexType("Cluster", (value) => value as VertexValue);
export const Node = vertexType(
  "Node",
  fields<NodeValue>({ kind: oneOf("station", "satellite", "user"), state: oneOf("up", "down"), roles: texts }),
);
export const Service = vertexType(
  "Service",
  fields<ServiceValue>({ command: texts, exclusive: flag, instances: count }),
);
export const Instance = vertexType(
  "Instance",
  fields<InstanceValue>({
    generation: count,
    desired: oneOf("running", "stopped"),
    state: oneOf("pending", "starting", "running", "failed", "stopped"),
    port: count,
    restarts: count,
    reason: text,
  }),
);

export const hasNode = relation("has", Cluster, Node, { from: "one", to: "many" });
export const hasService = relation("has", Cluster, Service, { from: "one", to: "many" });
export const hasInstance = relation("has", Service, Instance, { from: "one", to: "many" });
export const runsOn = relation("runsOn", Instance, Node, { from: "many", to: "one" });

/** What Halon itself keeps in the graph, as far as it is of interest outside; what else is there is kept. */
export const clusterSchema = new Schema({
  types: [Cluster, Node, Service, Instance],
  relations: [hasNode, hasService, hasInstance, runsOn],
  roots: [Cluster],
});
