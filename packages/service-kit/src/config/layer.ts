import { type Field, holdsSecret, type JsonNode, kindOf, nodesAlong } from "./field.ts";

type Path = readonly PropertyKey[];

/** A value with where it was found. */
export interface Given {
  readonly value: unknown;
  /** Names the place of `path` inside the value, for a person: `flag --nats-url`, `halon.yaml:3:12: natsUrl`. */
  readonly locate: (path: Path) => string;
}

/** What one source says. */
export interface Layer {
  readonly given: ReadonlyMap<string, Given>;
  readonly mistakes: readonly string[];
  /** Keys that a mistake is about: they are not said to be missing as well. */
  readonly doubtful: ReadonlySet<string>;
}

/** Collects a {@link Layer}. */
export class LayerBuilder implements Layer {
  readonly given = new Map<string, Given>();
  readonly mistakes: string[] = [];
  readonly doubtful = new Set<string>();

  refuse(mistake: string, key?: string): void {
    this.mistakes.push(mistake);
    if (key !== undefined) this.doubtful.add(key);
  }

  /** Takes a value written as text in `place` (`flag --x`, `variable X`). */
  takeText(field: Field, text: string, place: string): void {
    const value = readText(field.node, text);
    if (value === undefined) {
      this.refuse(`${place}: ${givenText(field.node, [], text)} given, which is not JSON`, field.key);
      return;
    }
    const earlier = field.kind === "list" ? this.given.get(field.key)?.value : undefined;
    const isMore = Array.isArray(earlier) && Array.isArray(value);
    const locate = (path: Path): string => `${place}${inText(field, path)}`;
    this.given.set(field.key, { value: isMore ? [...earlier, ...value] : value, locate });
  }
}

function inText({ kind }: Field, path: Path): string {
  if (path.length === 0) return "";
  return kind === "list" ? `, item ${Number(path[0]) + 1}` : ` at ${pathText(path)}`;
}

/** Reads `text` as what the schema wants; what is no such thing stays text, for the schema to refuse. */
function readText(node: JsonNode, text: string): unknown {
  const kind = kindOf(node);
  switch (kind) {
    case "text":
      return text;
    case "number":
      return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return { true: true, 1: true, false: false, 0: false }[text.trim()] ?? text;
    case "list": {
      const items = text.split(",").map((item) => item.trim());
      return items.filter((item) => item !== "").map((item) => readText(node.items ?? {}, item));
    }
    case "json":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return undefined;
      }
    default:
      return kind satisfies never;
  }
}

/** `services[2].name` */
export function pathText(path: Path): string {
  const steps = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  return steps.join("").replace(/^\./, "");
}

/** Values longer than this are cut off in messages. */
const GIVEN_CHARS_MAX = 80;

/** A value as a message may show it: short, without secrets and without the passwords of URLs. */
export function givenText(node: JsonNode, path: Path, value: unknown): string {
  const nodes = nodesAlong(node, path);
  const last = nodes.at(-1);
  if (nodes.some(({ secret }) => secret === true) || (last !== undefined && holdsSecret(last))) return "a hidden value";
  const text = (JSON.stringify(value) ?? String(value)).replace(/\/\/[^/@\s"]*@/g, "//…@");
  return text.length > GIVEN_CHARS_MAX ? `${text.slice(0, GIVEN_CHARS_MAX)}…` : text;
}
