import type { InstanceSpec, Welcome } from "@halon/proto";
import { INSTANCES_MAX } from "./instances.ts";
import { RESTARTS_LIMIT } from "./restart-rule.ts";

const INSTANCE = /^[A-Za-z0-9_-]{1,64}\/\d{1,6}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Monitors that one session may be pinned to. */
const MONITORS_MAX = 16;
/** Characters of one instance's command and environment together. */
const SPEC_CHARS_MAX = 64 * 1024;

/** What is wrong with a specification, or `undefined`. */
export function faultOfSpec(spec: InstanceSpec): string | undefined {
  const { instance, generation, command, env, restartsMax, restartWindowMs } = spec;
  if (!INSTANCE.test(instance)) return `instance ${JSON.stringify(instance)} is not of the form service/number`;
  if (generation < 1) return `generation ${generation} of ${instance}: it counts from 1`;
  if (command.length === 0 || command[0] === "") return `${instance} has no command to run`;
  const texts = [...command, ...Object.entries(env).flat()];
  if (texts.some((text) => text.includes("\0"))) return `command or environment of ${instance} contains a zero byte`;
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  if (chars > SPEC_CHARS_MAX)
    return `command and environment of ${instance}: ${chars} characters, ${SPEC_CHARS_MAX} fit`;
  const odd = Object.keys(env).find((name) => !VARIABLE.test(name));
  if (odd !== undefined) return `variable ${JSON.stringify(odd)} of ${instance}: letters, digits and _ are allowed`;
  if (restartsMax > RESTARTS_LIMIT) return `${restartsMax} restarts of ${instance}: at most ${RESTARTS_LIMIT}`;
  if (restartsMax > 0 && restartWindowMs === 0) return `${instance} has restarts, but no window for them`;
  return undefined;
}

/** What is wrong with a welcome, or `undefined`. */
export function faultOfWelcome({ session, monitors, needed, instances }: Welcome): string | undefined {
  if (session < 1) return `session ${session}: sessions count from 1`;
  if (monitors.length > MONITORS_MAX) return `${monitors.length} monitors: at most ${MONITORS_MAX} are counted`;
  if (needed > new Set(monitors).size) return `${needed} acknowledgements are needed of ${monitors.length} monitors`;
  if (instances.length > INSTANCES_MAX) return `${instances.length} instances: a node runs at most ${INSTANCES_MAX}`;
  return instances.map(faultOfSpec).find((fault) => fault !== undefined);
}
