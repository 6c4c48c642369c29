import type { ConfigDefinition } from "./definition.ts";
import { type JsonNode, nodesAlong } from "./field.ts";

/** All texts of a loaded configuration that stand under something marked `secret`, for the log to keep out. */
export function secretsOf({ fields }: ConfigDefinition, config: Readonly<Record<string, unknown>>): readonly string[] {
  return fields.flatMap(({ key, node }) => secretsIn(node, config[key], false));
}

function secretsIn(node: JsonNode | undefined, value: unknown, isInSecret: boolean): readonly string[] {
  const isSecret = isInSecret || node?.secret === true;
  if (typeof value === "string") return isSecret ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  const parts: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return parts.flatMap(([step, part]) =>
    secretsIn(node === undefined ? undefined : nodesAlong(node, [step])[1], part, isSecret),
  );
}
