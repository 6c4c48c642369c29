import type { Field } from "./field.ts";
import { type Layer, LayerBuilder } from "./layer.ts";

/**
 * Reads the variables of the fields. An empty one counts as absent, as compose files pass on what is not set that way.
 * Other `HALON_…` variables are other services' or the launcher's.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, fields: readonly Field[]): Layer {
  const layer = new LayerBuilder();
  for (const field of fields) {
    const text = env[field.variable];
    if (text !== undefined && text !== "") layer.takeText(field, text, `variable ${field.variable}`);
  }
  return layer;
}
