import { relation, Schema, vertexType } from "@halon/resource-graph";

type Named = { readonly name: string };

const named = (value: unknown): Named | string =>
  typeof value === "object" && value !== null && "name" in value && typeof value.name === "string"
    ? (value as Named)
    : "a name is expected";

type NodeValue = { readonly state: "up" | "suspect" | "down"; readonly bootNumber: number };

const nodeValue = (value: unknown): NodeValue | string => {
  const { state, bootNumber } = (value ?? {}) as Record<string, unknown>;
  if (state !== "up" && state !== "suspect" && state !== "down") return `state ${JSON.stringify(state)} is not one`;
  if (typeof bootNumber !== "number") return "a bootNumber is expected";
  return value as NodeValue;
};

export const Cluster = vertexType("Cluster", named);
export const Rack = vertexType("Rack", named);
export const Node = vertexType("Node", nodeValue);
export const Service = vertexType("Service", named);
export const ServiceInstance = vertexType("ServiceInstance", named);

export const contains = relation("contains", Cluster, Rack, { from: "one", to: "many" });
export const holds = relation("holds", Rack, Node, { from: "one", to: "many" });
const runs = relation("runs", Cluster, Service, { from: "one", to: "many" });
export const runsOn = relation("runsOn", ServiceInstance, Node, { from: "many", to: "one" });
export const hasInstance = relation("has", Service, ServiceInstance, { from: "one", to: "many" });
export const dependsOn = relation("dependsOn", Service, Service, { from: "many", to: "many" });
export const standbyOf = relation("standbyOf", Node, Node, { from: "one", to: "one" });

export const schema = new Schema({
  types: [Cluster, Rack, Node, Service, ServiceInstance],
  relations: [contains, holds, runs, runsOn, hasInstance, dependsOn, standbyOf],
  roots: [Cluster],
});

export const up: NodeValue = { state: "up", bootNumber: 1 };
