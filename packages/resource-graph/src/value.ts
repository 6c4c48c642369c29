import { GraphError } from "./graph-error.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [field: string]: Json };

/** What a vertex carries: a plain JSON object. A field that is `undefined` is the same as an absent one. */
export type VertexValue = { readonly [field: string]: Json | undefined };

/** Size of a value: characters of its names and strings, and 8 for everything else. */
export const VALUE_SIZE_MAX = 64 * 1024;
export const VALUE_DEPTH_MAX = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const bad = (text: string): GraphError => new GraphError("bad-value", text);

interface Walk {
  size: number;
  readonly subject: () => string;
}

/**
 * A deep, frozen copy in canonical form: fields sorted, `undefined` ones left out, -0 as 0. Sorted fields make equal
 * values encode to equal bytes, and let values of one type share one hidden class.
 *
 * Throws `bad-value` for what JSON cannot carry and above the limits; `subject` names the vertex in the message.
 */
export function canonicalValue(value: unknown, subject: () => string): VertexValue {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad(`${subject()}: a value is a plain object, not ${JSON.stringify(value)?.slice(0, 80)}`);
  return copy(value, { size: 0, subject }, 0) as VertexValue;
}

function copy(value: unknown, walk: Walk, depth: number): Json {
  const { subject } = walk;
  walk.size += typeof value === "string" ? value.length : 8;
  if (walk.size > VALUE_SIZE_MAX)
    throw bad(`${subject()}: larger than ${VALUE_SIZE_MAX}; put what is large into vertices of its own`);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw bad(`${subject()}: ${value} is not a JSON number`);
    return value + 0;
  }
  if (typeof value !== "object") throw bad(`${subject()}: a ${typeof value} cannot be kept; only JSON can`);
  if (depth === VALUE_DEPTH_MAX) throw bad(`${subject()}: nested deeper than ${VALUE_DEPTH_MAX}`);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => copy(item, walk, depth + 1)));
  return copyObject(value, walk, depth);
}

function copyObject(value: object, walk: Walk, depth: number): Json {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw bad(`${walk.subject()}: an instance of a class cannot be kept; only plain objects can`);
  const result: Record<string, Json> = {};
  const source = value as Record<string, unknown>;
  for (const field of Object.keys(source).sort(compare)) {
    const item = source[field];
    if (item === undefined) continue;
    // Assigned, it would set the prototype and vanish.
    if (field === "__proto__") throw bad(`${walk.subject()}: a field may not be called __proto__`);
    walk.size += field.length;
    result[field] = copy(item, walk, depth + 1);
  }
  return Object.freeze(result);
}

/** Whether two canonical values are equal. */
export function sameValue(a: Json | VertexValue | undefined, b: Json | VertexValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, Json>;
  const right = b as Record<string, Json>;
  const fields = Object.keys(left);
  if (fields.length !== Object.keys(right).length) return false;
  return fields.every((field) => Object.hasOwn(right, field) && sameValue(left[field], right[field]));
}

/** UTF-8 JSON of a value; equal values give equal bytes. Throws `bad-value` for what JSON cannot carry. */
export const encodeValue = (value: VertexValue): Uint8Array =>
  encoder.encode(JSON.stringify(canonicalValue(value, () => "value")));

/** The value that {@link encodeValue} wrote. Throws `bad-value`; `subject` names the vertex in the message. */
export const decodeValue = (bytes: Uint8Array, subject = () => "value"): VertexValue =>
  canonicalValue(parseJson(bytes, subject), subject);

/** Whatever JSON `bytes` hold, unchecked. Throws `bad-value`. */
function parseJson(bytes: Uint8Array, subject: () => string): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new GraphError("bad-value", `${subject()}: its ${bytes.length} bytes are not UTF-8`, { cause });
  }
  return parseText(text, subject);
}

/** Whatever JSON the text is, unchecked. Throws `bad-value`. */
export function parseText(text: string, subject: () => string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GraphError("bad-value", `${subject()}: its ${text.length} characters are not JSON`, { cause });
  }
}
