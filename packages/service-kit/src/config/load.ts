import type { z } from "zod";
import { allowedText } from "./allowed.ts";
import type { ConfigDefinition } from "./definition.ts";
import { readEnvironment } from "./environment.ts";
import { type Field, type JsonNode, nodesAlong } from "./field.ts";
import { type FileLayer, readConfigFile } from "./file.ts";
import { readCommandLine } from "./flags.ts";
import { helpText } from "./help.ts";
import { type Given, givenText, type Layer } from "./layer.ts";
import { nearest } from "./nearest.ts";

/** Where configuration comes from. */
export interface ConfigSources {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Returns the text of a file; throws when it cannot. */
  readonly readFile: (path: string) => string;
}

export type ConfigOutcome<Config> =
  | { readonly kind: "config"; readonly command: string; readonly config: Config }
  /** Asked for by `--help` or `--version`. */
  | { readonly kind: "help"; readonly text: string }
  /** All mistakes of all sources, one sentence each. */
  | { readonly kind: "errors"; readonly errors: readonly string[] };

const NO_FILE: FileLayer = { given: new Map(), mistakes: [], doubtful: new Set(), isWhole: true };

/**
 * Loads a configuration: defaults, then the file (`--config`, else `HALON_CONFIG`), then variables, then flags; a later
 * source replaces the whole value of a key. Pure but for `readFile`.
 */
export function loadConfig<Schema extends z.ZodObject>(
  definition: ConfigDefinition<Schema>,
  sources: ConfigSources,
): ConfigOutcome<z.output<Schema>> {
  const { fields, commands } = definition;
  const line = readCommandLine(sources.argv, fields, Object.keys(commands));
  if (line.wantsHelp) return { kind: "help", text: helpText(definition) };
  if (line.wantsVersion) return { kind: "help", text: `${definition.service} ${definition.version}` };
  const path = line.file ?? (sources.env["HALON_CONFIG"] || undefined);
  const origin = line.file === undefined ? "HALON_CONFIG" : "--config";
  const file = path === undefined ? NO_FILE : readConfigFile(path, origin, fields, sources.readFile);
  const layers: readonly Layer[] = [file, readEnvironment(sources.env, fields), line];
  const given = new Map(layers.flatMap((layer) => [...layer.given]));
  const parsed = definition.schema.safeParse(Object.fromEntries([...given].map(([key, { value }]) => [key, value])));
  const errors = layers.flatMap(({ mistakes }) => mistakes);
  if (parsed.success && errors.length === 0) return { kind: "config", command: line.command, config: parsed.data };
  const isSettled = (key: string): boolean =>
    !given.has(key) && (!file.isWhole || layers.some(({ doubtful }) => doubtful.has(key)));
  for (const issue of parsed.error?.issues ?? [])
    if (!isSettled(String(issue.path[0]))) errors.push(...explain(issue, fields, given));
  return { kind: "errors", errors: [...new Set(errors)] };
}

/** One issue in the words of the source that it came from. */
function explain(
  issue: z.core.$ZodIssue,
  fields: readonly Field[],
  given: ReadonlyMap<string, Given>,
): readonly string[] {
  const [key, ...path] = issue.path;
  const field = fields.find((each) => each.key === key);
  if (field === undefined) return [issue.message];
  const source = given.get(field.key);
  if (source === undefined && issue.code !== "custom") return [missing(field)];
  if (source === undefined) return [`${field.key} (its default): ${issue.message}`];
  const node = nodesAlong(field.node, path)[path.length];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((name) => `${source.locate([...path, name])}: ${unknownPart(node)(name)}`);
  const value = valueAt(source.value, path);
  const said = value === undefined ? "is missing" : `${givenText(field.node, path, value)} given`;
  return [`${source.locate(path)}: ${said}, ${remedy(issue, node)}`];
}

function missing({ key, flag, variable, node }: Field): string {
  return `${key} is not set: give flag ${flag}, variable ${variable} or the key "${key}" in the file (${allowedText(node)})`;
}

const unknownPart =
  (node: JsonNode | undefined) =>
  (name: string): string => {
    const keys = Object.keys(node?.properties ?? {});
    const hint = nearest(name, keys);
    return `this key is unknown, ${hint === undefined ? `the keys are ${keys.join(", ")}` : `did you mean "${hint}"?`}`;
  };

/** What is allowed instead: from the schema, where that says more than the message, else the message of the schema's author. */
function remedy(issue: z.core.$ZodIssue, node: JsonNode | undefined): string {
  const isDescribed = ["invalid_type", "invalid_value", "too_small", "too_big", "invalid_union"].includes(issue.code);
  return isDescribed && node !== undefined ? `allowed is ${allowedText(node)}` : issue.message;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let present = value;
  for (const step of path)
    present =
      typeof present === "object" && present !== null ? (present as Record<PropertyKey, unknown>)[step] : undefined;
  return present;
}
