import { vertexText } from "./graph-change.ts";
import { GraphError } from "./graph-error.ts";
import type { Schema } from "./schema.ts";
import type { TextArena } from "./text-arena.ts";
import { canonicalValue, parseText, type VertexValue } from "./value.ts";

/**
 * A value as it is kept: itself, or the number of the JSON text that was stored, at which nobody has looked yet. Of a
 * million vertices that were loaded few are ever looked at.
 */
export type KeptValue = VertexValue | number;

/** What values are read with. */
export interface ValueReading {
  readonly schema: Schema;
  readonly texts: TextArena;
}

/** The value as it was written, whatever its type makes of it. Throws `bad-value` for a text that is none. */
export function writtenValue({ texts }: ValueReading, type: string, id: string, kept: KeptValue): VertexValue {
  if (typeof kept !== "number") return kept;
  const subject = (): string => vertexText(type, id);
  return canonicalValue(parseText(texts.text(kept), subject), subject);
}

/**
 * The value as its type's `parse` gives it; one of an unknown type as it is. Throws `bad-value`, which names the vertex, for
 * what the type refuses.
 */
export function checkedValue(schema: Schema, type: string, id: string, raw: unknown): VertexValue {
  const subject = (): string => vertexText(type, id);
  // What is no object is refused below, and no `parse` has to expect it.
  const known = typeof raw === "object" && raw !== null ? schema.types.get(type) : undefined;
  const parsed = known?.parse(raw);
  if (typeof parsed === "string") throw new GraphError("bad-value", `${subject()}: ${parsed}`);
  return canonicalValue(known === undefined ? raw : parsed, subject);
}

/** A kept value to be worked with. Throws as {@link checkedValue} does. */
export const readValue = (reading: ValueReading, type: string, id: string, kept: KeptValue): VertexValue =>
  typeof kept === "number" ? checkedValue(reading.schema, type, id, writtenJson(reading, type, id, kept)) : kept;

const writtenJson = ({ texts }: ValueReading, type: string, id: string, kept: number): unknown =>
  parseText(texts.text(kept), () => vertexText(type, id));
