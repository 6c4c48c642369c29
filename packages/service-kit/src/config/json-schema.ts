import { z } from "zod";
import type { ConfigDefinition } from "./definition.ts";

/** JSON Schema of the configuration file, for editors. */
export function configJsonSchema({ schema }: ConfigDefinition): object {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}
