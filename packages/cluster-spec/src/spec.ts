import { z } from "zod";
import type { Mistake } from "./mistake.ts";
import { nearest } from "./nearest.ts";
import { referenceMistakes } from "./references.ts";

/** Services of one cluster, and instances of all of them together. */
export const SERVICES_MAX = 200;
export const INSTANCES_MAX = 1_000;
/** Services that one waits for. */
export const AFTER_MAX = 16;
/** Bytes of a specification as JSON: it travels as one event, and is kept while it is being applied. */
export const SPEC_BYTES_MAX = 100 * 1024;
/** Bytes of command, directory and environment of one instance, as JSON. */
export const INSTANCE_BYTES_MAX = 16 * 1024;

/** Nothing that is declared lies deeper. */
const DEPTH_MAX = 6;

/** What a process can be given: strings end at the first zero byte. */
const text = z
  .string("a text is expected: quote it")
  .refine((value) => !value.includes("\0"), "a zero byte cannot be passed to a process");
const name = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "not a name for a service: use 1 to 64 characters of A-Z a-z 0-9 _ -")
  .describe("Name of the service");
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a name for a variable: use A-Z a-z 0-9 _, a letter or _ first");
const env = z.record(variable, text).describe("Environment variables; values are texts, so quote numbers");

const restarts = z.strictObject({
  max: z.int().min(0).max(1_000).optional().describe("Restarts in place before the instance is moved; default: 3"),
  windowMs: z.int().min(1_000).max(86_400_000).optional().describe("Within this span, milliseconds; default: 60000"),
});

const service = z
  .strictObject({
    command: z.array(text.min(1, "an empty argument")).min(1).describe("Program and arguments, run without a shell"),
    cwd: text.optional().describe("Directory to run in; default: the agent's own"),
    instances: z
      .int()
      .min(0)
      .max(INSTANCES_MAX)
      .optional()
      .describe("How many run; default: as many as `each`, else 1"),
    env: env.optional(),
    each: z
      .array(z.strictObject({ env: env.optional() }))
      .max(INSTANCES_MAX)
      .optional()
      .describe("Parameters of single instances, by index, on top of `env`"),
    exclusive: z.boolean().optional().describe("At no moment does an instance run twice; default: false"),
    after: z
      .array(name)
      .max(AFTER_MAX)
      .optional()
      .describe("Services of this file, of each of which an instance must run before one of this is started"),
    restarts: restarts.optional().describe("When a failing instance is moved to another node"),
    on: z
      .array(z.enum(["station", "satellite", "user"]))
      .min(1)
      .optional()
      .describe("Kinds of nodes to run on; default: user"),
  })
  .superRefine((value, context) => {
    const { instances, each = [] } = value;
    if (instances !== undefined && each.length > instances)
      context.addIssue({
        code: "custom",
        path: ["each"],
        message: `parameters of ${each.length} instances, but there are ${instances}: raise instances or drop entries`,
      });
    for (const [at, bytes] of bytesOfEach(value).entries())
      if (bytes > INSTANCE_BYTES_MAX)
        context.addIssue({
          code: "custom",
          path: each[at] === undefined ? ["command"] : ["each", at],
          message: `command, cwd and env of one instance take ${bytes} bytes: at most ${INSTANCE_BYTES_MAX} are allowed`,
        });
  });

type Service = z.output<typeof service>;

/** Bytes of the instances that have parameters of their own, or else of any of them. */
function bytesOfEach({ command, cwd, env: shared, each = [] }: Service): readonly number[] {
  const envs = each.length === 0 ? [shared] : each.map((one) => ({ ...shared, ...one.env }));
  return envs.map((one) => new TextEncoder().encode(JSON.stringify([command, cwd, one])).length);
}

const instancesOf = ({ instances, each = [] }: Service): number => instances ?? Math.max(1, each.length);

/** The form of `cluster.yaml`. */
export const specSchema = z
  .strictObject({
    services: z
      .record(name, service)
      .refine((all) => Object.keys(all).length <= SERVICES_MAX, `at most ${SERVICES_MAX} services are allowed`)
      .describe("What is to run, by name"),
  })
  .superRefine(({ services }, context) => {
    const count = Object.values(services).reduce((sum, each) => sum + instancesOf(each), 0);
    if (count > INSTANCES_MAX)
      context.addIssue({
        code: "custom",
        path: ["services"],
        message: `${count} instances together: at most ${INSTANCES_MAX} are allowed`,
      });
  });

/** A service, with all defaults filled in. */
export interface ServiceSpec {
  readonly name: string;
  readonly command: readonly string[];
  /** Empty: the agent's own choice. */
  readonly cwd: string;
  readonly exclusive: boolean;
  readonly instances: number;
  /** One per instance. */
  readonly envs: readonly Readonly<Record<string, string>>[];
  /** Of each of them an instance must run before one of this service is started. */
  readonly after: readonly string[];
  readonly restartsMax: number;
  readonly restartWindowMs: number;
  readonly on: readonly ("station" | "satellite" | "user")[];
}

export interface Spec {
  /** By name. */
  readonly services: readonly ServiceSpec[];
}

export type SpecOutcome =
  | { readonly kind: "spec"; readonly spec: Spec }
  | { readonly kind: "mistakes"; readonly mistakes: readonly Mistake[] };

const mistake = (message: string): SpecOutcome => ({ kind: "mistakes", mistakes: [{ path: [], message }] });

/** Checks a declaration as it came out of YAML or JSON. All mistakes are listed; with any there is no specification. */
export function parseSpec(value: unknown): SpecOutcome {
  if (value === null || value === undefined)
    return mistake("nothing is declared: write `services:` and the services below it, or `services: {}` for none");
  const strange = protoKeys(value, []);
  if (strange.length > 0) return { kind: "mistakes", mistakes: strange };
  const parsed = specSchema.safeParse(value);
  const mistakes = [...(parsed.error?.issues ?? []).flatMap(mistakesOf), ...referenceMistakes(value)];
  if (!parsed.success || mistakes.length > 0) return { kind: "mistakes", mistakes };
  const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
  if (bytes > SPEC_BYTES_MAX)
    return mistake(`${bytes} bytes as JSON: at most ${SPEC_BYTES_MAX} are allowed; split it, and apply the parts`);
  const services = Object.entries(parsed.data.services).map(([key, each]) => complete(key, each));
  return { kind: "spec", spec: { services: services.sort((a, b) => (a.name < b.name ? -1 : 1)) } };
}

/** Keys that a plain object cannot carry everywhere: they would be lost without a word. */
function protoKeys(value: unknown, path: Mistake["path"]): readonly Mistake[] {
  if (typeof value !== "object" || value === null || path.length > DEPTH_MAX) return [];
  const inner = Object.entries(value).flatMap(([key, each]) =>
    protoKeys(each, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  if (!Object.hasOwn(value, "__proto__")) return inner;
  return [...inner, { path: [...path, "__proto__"], message: "__proto__ is not a name" }];
}

/** The same for JSON text, as it is submitted. */
export function parseSpecJson(json: string): SpecOutcome {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return mistake(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseSpec(value);
}

function complete(key: string, each: Service): ServiceSpec {
  const { command, cwd = "", exclusive = false, after = [], on = ["user"] } = each;
  const { max = 3, windowMs = 60_000 } = each.restarts ?? {};
  const instances = instancesOf(each);
  const envs = Array.from({ length: instances }, (_, index) => ({ ...each.env, ...each.each?.[index]?.env }));
  const restarting = { restartsMax: max, restartWindowMs: windowMs };
  return { name: key, command, cwd, exclusive, instances, envs, after: [...new Set(after)].sort(), ...restarting, on };
}

/** Keys by the kind of map that they are in. */
const KNOWN_KEYS = {
  top: Object.keys(specSchema.shape),
  service: Object.keys(service.shape),
  restarts: Object.keys(restarts.shape),
  each: ["env"],
};

function knownKeys(path: Mistake["path"]): readonly string[] {
  if (path.length === 0) return KNOWN_KEYS.top;
  if (path.length === 2) return KNOWN_KEYS.service;
  return path[2] === "restarts" ? KNOWN_KEYS.restarts : KNOWN_KEYS.each;
}

function mistakesOf(issue: z.core.$ZodIssue): readonly Mistake[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(path);
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      const hint = meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`;
      return { path: [...path, key], message: `unknown key ${JSON.stringify(key)}: ${hint}` };
    });
  }
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => ({ path, message }));
  return [{ path, message: issue.message }];
}

/** JSON Schema of `cluster.yaml`, for editors. */
export const specJsonSchema = (): object => z.toJSONSchema(specSchema, { io: "input" });
