import { resolve } from "node:path";
import type { InstanceSpec } from "@halon/proto";
import { commonFields, defineConfig, nameField, stateFields } from "@halon/service-kit";
import { z } from "zod";
import { COORDINATOR_KEY, type CoordinatorConfig } from "./core/activation.ts";
import { RIGHT_DEFAULTS, type RightConfig } from "./core/exclusive-right.ts";
import { STATE_DIR_CHARS_MAX } from "./driver/process-driver.ts";
import type { AgentConfig } from "./service.ts";

/** Times of an agent, in milliseconds. */
export const AGENT_DEFAULTS = { heartbeatMs: 1_000, stopGraceMs: 2_000 } as const;
/** Heartbeats that may be missed before the right lapses. */
const MISSED_MIN = 1;
/** What the agent's own end allows its services, less than the time a process has to stop. */
const STOP_GRACE_MS_MAX = 5_000;
const OWN_SERVICES_MAX = 32;
const MIB = 1024 * 1024;

const command = z.array(z.string()).min(1);
const env = z.record(z.string(), z.string()).default({});

const ownService = z.strictObject({
  name: nameField().refine((name) => name !== COORDINATOR_KEY, "the coordinator has a key of its own"),
  command,
  env,
  cwd: z.string().default(""),
});
export type OwnService = z.output<typeof ownService>;

const coordinator = z.strictObject({ kind: z.enum(["none", "process", "resident"]), command: command.optional(), env });

const schema = z
  .strictObject({
    ...commonFields,
    ...stateFields,
    nodeKind: z.enum(["station", "satellite", "user"]).default("user").meta({ description: "What the node is for" }),
    roles: z
      .array(nameField())
      .max(16)
      .default([])
      .meta({ description: "Halon's services on the node that others count on, such as monitor" }),
    services: z
      .array(ownService)
      .max(OWN_SERVICES_MAX)
      .default([])
      .meta({ description: "The node's own services, kept running without a coordinator: name, command, env, cwd" }),
    coordinator: coordinator
      .default({ kind: "none", env: {} })
      .meta({ description: "The coordinator here: kind none, resident, or process with command and env" }),
    logDir: z.string().min(1).default(".halon/log").meta({ description: "Directory for the output of all it runs" }),
    logBytesMax: z
      .int()
      .min(MIB)
      .default(16 * MIB)
      .meta({ description: "Size at which a program's output is put aside", unit: "bytes" }),
    onStop: z
      .enum(["end", "leave"])
      .default("end")
      .meta({ description: "What becomes of running programs when the agent is told to stop" }),
    stopGraceMs: z
      .int()
      .min(0)
      .max(STOP_GRACE_MS_MAX)
      .default(AGENT_DEFAULTS.stopGraceMs)
      .meta({ description: "Between asking a program to end and killing it", unit: "ms" }),
    heartbeatMs: z
      .int()
      .min(10)
      .default(AGENT_DEFAULTS.heartbeatMs)
      .meta({ description: "Between heartbeats", unit: "ms" }),
    boundMs: z.int().min(100).default(RIGHT_DEFAULTS.boundMs).meta({
      description: "From a heartbeat to the end of what it allowed; the same in the whole cluster",
      unit: "ms",
    }),
    driftRatio: z
      .number()
      .min(0)
      .max(0.5)
      .default(RIGHT_DEFAULTS.driftRatio)
      .meta({ description: "Bound on the difference of clock rates" }),
    killGraceMs: z
      .int()
      .min(0)
      .default(RIGHT_DEFAULTS.killGraceMs)
      .meta({ description: "What a guard may need to kill", unit: "ms" }),
  })
  .check((context) => {
    for (const [key, message] of faults(context.value))
      context.issues.push({ code: "custom", message, input: context.value, path: [key] });
  });

type Config = z.output<typeof schema>;

/** What does not go together, each with the key that it is told at. */
function faults(config: Config): readonly (readonly [keyof Config, string])[] {
  const { heartbeatMs, services, coordinator: rc, stateDir } = config;
  const found: [keyof Config, string][] = [];
  const spanMs = (config.boundMs * (1 - config.driftRatio)) / (1 + config.driftRatio) - config.killGraceMs;
  if (spanMs <= heartbeatMs * (1 + MISSED_MIN))
    found.push([
      "boundMs",
      `a heartbeat gives a right of ${Math.round(spanMs)} ms (boundMs less drift and killGraceMs): it must outlast ${1 + MISSED_MIN} heartbeats of ${heartbeatMs} ms, raise boundMs or lower heartbeatMs`,
    ]);
  const names = services.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) found.push(["services", `${twice} is listed twice: each name is one service`]);
  if (rc.kind === "process" && rc.command === undefined)
    found.push(["coordinator", "kind process needs the command to run"]);
  const path = resolve(stateDir);
  if (path.length > STATE_DIR_CHARS_MAX)
    found.push([
      "stateDir",
      `${path} has ${path.length} characters: at most ${STATE_DIR_CHARS_MAX} leave room for the paths of sockets, choose a shorter one`,
    ]);
  return found;
}

/** The agent's configuration; its keys are variables and flags too. */
export const definition = defineConfig({
  service: "node-agent",
  about: "Starts, stops and restarts the services of one node",
  schema,
});

/** FNV-1a: the same program and environment have the same generation, others most likely another. */
function hashOf(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value >>> 0) + 1;
}

const specOf = (service: OwnService): InstanceSpec => ({
  instance: service.name,
  service: service.name,
  generation: hashOf(JSON.stringify(service)),
  command: service.command,
  env: service.env,
  exclusive: false,
  restartsMax: 0,
  restartWindowMs: 0,
  cwd: service.cwd,
});

/** What the agent proper is told. The node's own services learn cluster, node and NATS servers from their environment. */
export function agentConfigOf(config: Config): { readonly agent: AgentConfig; readonly right: RightConfig } {
  const { cluster, node, nodeKind, roles, natsUrl, stopGraceMs, heartbeatMs } = config;
  const told = { HALON_CLUSTER: cluster, HALON_NODE: node, HALON_NATS_URL: natsUrl.join(",") };
  const own = config.services.map((service) => specOf({ ...service, env: { ...told, ...service.env } }));
  const rc = config.coordinator;
  const coordinatorConfig: CoordinatorConfig =
    rc.kind === "process"
      ? { kind: "process", command: rc.command ?? [], env: { ...told, ...rc.env } }
      : { kind: rc.kind };
  const { boundMs, driftRatio, killGraceMs } = config;
  const agent = { node, nodeKind, roles, heartbeatMs, own, coordinator: coordinatorConfig, stopGraceMs };
  return { agent, right: { boundMs, driftRatio, killGraceMs } };
}
