import { relation, Schema, vertexType } from "@halon/resource-graph";
import { z } from "zod";

/** Unknown fields are kept: they may be a newer version's. The type names only those that this one knows. */
function checked<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
): (value: unknown) => z.output<z.ZodObject<Shape>> | string {
  // Made once: every change of every vertex passes through here.
  const loose = schema.loose();
  return (value) => {
    const parsed = loose.safeParse(value);
    return parsed.success ? (parsed.data as z.output<z.ZodObject<Shape>>) : z.prettifyError(parsed.error);
  };
}

const count = z.number().int().min(0);
const token = z.string().max(256);

const cluster = z.object({
  /** The newest generation given to any instance: it rises for ever, also when an instance goes and comes again. */
  generationLast: count,
});

/** A span in which the node's exclusive instances may run, as long as `needed` of `monitors` acknowledge its heartbeats. */
const session = z.object({
  session: count,
  monitors: z.array(token),
  needed: count,
  /** The agent has said that it is in this session, and in none before it. */
  begun: z.boolean(),
});

/** A monitor's promise to acknowledge nothing of the session any more. */
const accusation = z.object({
  session: count,
  monitor: token,
  silentMs: z.number().min(0),
  /** When the accusation was stored. */
  logTimeMs: z.number().min(0),
});

const node = z.object({
  kind: z.enum(["station", "satellite", "user"]),
  roles: z.array(token),
  state: z.enum(["up", "down"]),
  agentIncarnation: token,
  /** Number of the newest session ever given to the node. */
  sessionLast: count,
  /** Those that may be in force. */
  sessions: z.array(session),
  accusations: z.array(accusation),
});

const service = z.object({
  command: z.array(z.string()),
  cwd: z.string(),
  exclusive: z.boolean(),
  instances: count,
  restartsMax: count,
  restartWindowMs: count,
  /** Services, by id, of each of which an instance must run before one of this is started. */
  after: z.array(token).optional(),
  on: z.array(z.enum(["station", "satellite", "user"])),
});

const instance = z.object({
  index: count,
  /** Raised by each decision about the instance. */
  generation: count,
  desired: z.enum(["running", "stopped"]),
  /** `pending`: it has no node. The others are what its agent said last. */
  state: z.enum(["pending", "starting", "running", "failed", "stopped"]),
  port: count,
  pid: count,
  restarts: count,
  reason: z.string(),
  /** Not to be started before this log time: an earlier one may still run. */
  notBeforeMs: z.number().min(0),
  /** A node where it has just failed, or empty. */
  avoid: token,
});

const parameter = z.object({ env: z.record(z.string(), z.string()) });

export type NodeValue = z.infer<typeof node>;
export type SessionValue = z.infer<typeof session>;
export type ServiceValue = z.infer<typeof service>;
export type InstanceValue = z.infer<typeof instance>;

export const Cluster = vertexType("Cluster", checked(cluster));
export const Node = vertexType("Node", checked(node));
export const Service = vertexType("Service", checked(service));
export const Instance = vertexType("Instance", checked(instance));
/** Shared by all instances with the same parameters; its id is a hash of them. */
export const Parameter = vertexType("Parameter", checked(parameter));

export const hasNode = relation("has", Cluster, Node, { from: "one", to: "many" });
export const hasService = relation("has", Cluster, Service, { from: "one", to: "many" });
export const hasInstance = relation("has", Service, Instance, { from: "one", to: "many" });
export const runsOn = relation("runsOn", Instance, Node, { from: "many", to: "one" });
export const uses = relation("uses", Instance, Parameter, { from: "many", to: "one" });
/** Instances that want a node and have none. */
export const awaits = relation("awaits", Cluster, Instance, { from: "one", to: "many" });

export const schema = new Schema({
  types: [Cluster, Node, Service, Instance, Parameter],
  relations: [hasNode, hasService, hasInstance, runsOn, uses, awaits],
  roots: [Cluster],
});

/** The one vertex that everything hangs on. */
export const THE_CLUSTER = Cluster.id("cluster");
