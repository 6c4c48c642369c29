import { assert } from "@halon/runtime";
import { z } from "zod";

/** What we read of a JSON Schema node. `unit`, `secret` and `defaultText` come from the zod schema's `.meta()`. */
export interface JsonNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly unit?: string;
  readonly secret?: boolean;
  readonly default?: unknown;
  readonly defaultText?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonNode[];
  readonly properties?: Readonly<Record<string, JsonNode>>;
  readonly additionalProperties?: JsonNode | boolean;
  readonly required?: readonly string[];
  readonly items?: JsonNode;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** How a field is written in one line of text; `json` is everything that has parts. */
export type FieldKind = "text" | "number" | "boolean" | "list" | "json";

/** One key of a service's configuration, with its names in each source. */
export interface Field {
  readonly key: string;
  /** `--nats-url` */
  readonly flag: string;
  /** `HALON_NATS_URL` */
  readonly variable: string;
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly node: JsonNode;
}

const FIELD_KEY = /^[a-z][A-Za-z0-9]*$/;
/** Flags with a meaning of their own. */
const RESERVED = ["config", "help", "version"];

/** The fields of a strict object schema, in its order. */
export function fieldsOf(schema: z.ZodObject): readonly Field[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonNode;
  const fields = Object.entries(root.properties ?? {}).map(([key, node]): Field => {
    assert(FIELD_KEY.test(key), `configuration key ${key} is not in camelCase: flag and variable are made from it`);
    assert(!RESERVED.includes(key), `configuration key ${key} is a flag of every service already`);
    const words = key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
    return {
      key,
      flag: `--${words}`,
      variable: `HALON_${words.replaceAll("-", "_").toUpperCase()}`,
      kind: kindOf(node),
      isRequired: root.required?.includes(key) ?? false,
      node,
    };
  });
  for (const { key, flag } of fields)
    assert(
      !fields.some((other) => other.flag === `--no${flag.slice(1)}`),
      `configuration key ${key}: --no${flag.slice(1)} is another key's flag`,
    );
  return fields;
}

/** How the value of this schema is written in one line. */
export function kindOf({ type, items }: JsonNode): FieldKind {
  if (type === "string") return "text";
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean") return "boolean";
  const isFlatList = type === "array" && items !== undefined && ["text", "number"].includes(kindOf(items));
  return isFlatList ? "list" : "json";
}

type Path = readonly PropertyKey[];

/** The schema nodes from `node` down along `path`, as far as they are known. */
export function nodesAlong(node: JsonNode, path: Path): readonly JsonNode[] {
  const nodes = [node];
  let present: JsonNode | undefined = node;
  for (const step of path) {
    present = childOf(present, step);
    if (present === undefined) break;
    nodes.push(present);
  }
  return nodes;
}

function childOf(node: JsonNode, step: PropertyKey): JsonNode | undefined {
  if (typeof step === "number") return node.items;
  const property = node.properties?.[String(step)];
  if (property !== undefined) return property;
  return typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
}

/** Whether a value of this schema is, or has in it, something that must not be printed. */
export function holdsSecret(node: JsonNode): boolean {
  const { secret, items, additionalProperties, properties = {}, anyOf = [] } = node;
  const children = [...Object.values(properties), ...anyOf];
  if (items !== undefined) children.push(items);
  if (typeof additionalProperties === "object") children.push(additionalProperties);
  return secret === true || children.some(holdsSecret);
}
