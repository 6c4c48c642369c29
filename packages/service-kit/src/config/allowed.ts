import type { JsonNode } from "./field.ts";

/** Says in words what a schema allows: `a whole number from 1 to 65535 (ms)`. */
export function allowedText(node: JsonNode): string {
  const unit = node.unit === undefined ? "" : ` (${node.unit})`;
  return `${bare(node)}${unit}`;
}

function bare(node: JsonNode): string {
  if (node.enum !== undefined) return `one of ${node.enum.map(String).join(", ")}`;
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.anyOf !== undefined) return node.anyOf.map(bare).join(", or ");
  switch (node.type) {
    case "boolean":
      return "true or false";
    case "integer":
      return `a whole number${numberBounds(node)}`;
    case "number":
      return `a number${numberBounds(node)}`;
    case "string":
      return `text${bounds(node.minLength, node.maxLength, "characters")}`;
    case "array": {
      const size = bounds(node.minItems, node.maxItems, "items");
      return `a list${size}${node.items === undefined ? "" : `${size === "" ? " of" : ", each"} ${bare(node.items)}`}`;
    }
    case "object":
      return keysText(node);
    default:
      return "another kind of value";
  }
}

function numberBounds(node: JsonNode): string {
  const isSafeEnd = (value: number | undefined): boolean => Math.abs(value ?? 0) === Number.MAX_SAFE_INTEGER;
  const parts: string[] = [];
  if (node.minimum !== undefined && !isSafeEnd(node.minimum)) parts.push(`from ${node.minimum}`);
  if (node.exclusiveMinimum !== undefined) parts.push(`above ${node.exclusiveMinimum}`);
  if (node.maximum !== undefined && !isSafeEnd(node.maximum))
    parts.push(`${parts.length === 0 ? "up to" : "to"} ${node.maximum}`);
  if (node.exclusiveMaximum !== undefined) parts.push(`below ${node.exclusiveMaximum}`);
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}

function bounds(min: number | undefined, max: number | undefined, things: string): string {
  if (min !== undefined && max !== undefined) return ` of ${min} to ${max} ${things}`;
  if (min !== undefined) return ` of ${min} or more ${things}`;
  return max === undefined ? "" : ` of up to ${max} ${things}`;
}

function keysText({ properties, additionalProperties }: JsonNode): string {
  const keys = Object.keys(properties ?? {});
  if (keys.length > 0) return `an object with ${keys.join(", ")}`;
  return typeof additionalProperties === "object" ? `an object, each value ${bare(additionalProperties)}` : "an object";
}
