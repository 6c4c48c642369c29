import { z } from "zod";
import { type ConfigOutcome, commonFields, defineConfig, loadConfig, stateFields } from "../src/index.ts";

export const example = defineConfig({
  service: "node-agent",
  about: "starts and stops the services of its node",
  version: "1.2.3",
  commands: { init: "founds a group" },
  schema: z
    .strictObject({
      ...commonFields,
      ...stateFields,
      heartbeatMs: z.int().min(100).max(10_000).default(1_000).meta({ description: "Between heartbeats", unit: "ms" }),
      exclusive: z.boolean().default(true).describe("Whether to guard exclusive instances"),
      rack: z.string().describe("Where the node stands | its failure domain"),
      apiPass: z.string().min(8).optional().meta({ description: "For the operator's API", secret: true }),
      weights: z.array(z.number()).default([]).describe("Of placement"),
      services: z
        .array(z.strictObject({ name: z.string(), port: z.int().max(65_535).optional() }))
        .default([])
        .describe("Halon services of this node"),
    })
    .refine(({ heartbeatMs, exclusive }) => !exclusive || heartbeatMs <= 1_500, {
      path: ["heartbeatMs"],
      message: "exclusive services need 1500 or less: lower it, or set --no-exclusive",
    }),
});

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

/** Loads with `--rack r1` unless `argv` is given. */
export function load({ argv = ["--rack", "r1"], env = {}, files = {} }: Given) {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return text;
  };
  return loadConfig(example, { argv, env, readFile });
}

export function configOf<Config>(outcome: ConfigOutcome<Config>): Config {
  if (outcome.kind !== "config") throw new Error(JSON.stringify(outcome, undefined, 2));
  return outcome.config;
}

/** One mistake per line. */
export function mistakesOf(outcome: ConfigOutcome<unknown>): string {
  if (outcome.kind !== "errors") throw new Error(`no mistake found: ${JSON.stringify(outcome)}`);
  return outcome.errors.join("\n");
}
