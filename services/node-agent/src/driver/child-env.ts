import type { RunRequest } from "../instance-driver.ts";

/** Variables by which an agent finds again what its earlier lives have started. */
export const MARK = "HALON_AGENT";
export const MARK_KEY = "HALON_INSTANCE";
export const MARK_GENERATION = "HALON_GENERATION";
export const MARK_PORT = "PORT";

export interface ChildEnvConfig {
  readonly node: string;
  /** Names this agent among all on the machine. */
  readonly mark: string;
  /** What every child inherits. Halon's own variables are left out: they are the agent's. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
}

/** The environment of one run. What Halon tells overrides what the specification says. */
export function childEnv(config: ChildEnvConfig, request: RunRequest, port: number): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(config.inherited))
    if (value !== undefined && !name.startsWith("HALON_")) env[name] = value;
  Object.assign(env, request.env);
  const generation = String(request.generation);
  env["HALON_NODE"] = config.node;
  env[MARK] = config.mark;
  env[MARK_KEY] = request.key;
  env[MARK_GENERATION] = generation;
  if (request.port === "none") return env;
  env[MARK_PORT] = String(port);
  env["HALON_FENCING_TOKEN"] = generation;
  return env;
}
