import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { Field } from "./field.ts";
import { type Layer, LayerBuilder, pathText } from "./layer.ts";
import { nearest } from "./nearest.ts";

/** A configuration is short; more than this is another file. */
const FILE_CHARS_MAX = 1024 * 1024;
/** Repetitions by reference: a few lines of YAML could stand for gigabytes. */
const ALIASES_MAX = 100;

/** What the file says, and whether all of it could be read: if not, nothing is said to be missing. */
export interface FileLayer extends Layer {
  readonly isWhole: boolean;
}

/** Reads YAML, and JSON as a part of it. `origin` says who named the file: `--config`, `HALON_CONFIG`. */
export function readConfigFile(
  path: string,
  origin: string,
  fields: readonly Field[],
  readFile: (path: string) => string,
): FileLayer {
  const layer = new LayerBuilder();
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    layer.refuse(`file ${path} (named by ${origin}) cannot be read: ${error instanceof Error ? error.message : error}`);
    return { ...entries(layer), isWhole: false };
  }
  if (text.length > FILE_CHARS_MAX) {
    layer.refuse(`file ${path} (named by ${origin}) has ${text.length} characters: ${FILE_CHARS_MAX} are allowed`);
    return { ...entries(layer), isWhole: false };
  }
  const isWhole = readDocument(path, text, fields, layer);
  return { ...entries(layer), isWhole };
}

const entries = ({ given, mistakes, doubtful }: Layer): Layer => ({ given, mistakes, doubtful });

/** False when the file is no list of keys with values. */
function readDocument(path: string, text: string, fields: readonly Field[], layer: LayerBuilder): boolean {
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const wrong = [...document.errors, ...document.warnings];
  for (const { code, pos, message } of wrong)
    layer.refuse(
      `${at(pos[0])}: ${code === "MULTIPLE_DOCS" ? "a second document begins here, one is allowed" : message}`,
    );
  if (wrong.length > 0) return false;
  if (document.contents === null) return true;
  let values: Record<string, unknown>;
  try {
    values = document.toJS({ maxAliasCount: ALIASES_MAX }) as Record<string, unknown>;
  } catch (error) {
    layer.refuse(`${path}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
  if (!isMap(document.contents)) {
    layer.refuse(`${at(document.contents.range[0])}: the file must be keys with values, such as "node: station-1"`);
    return false;
  }
  for (const { key } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
    const field = fields.find((each) => each.key === name);
    if (field === undefined) refuseKey(name, at(offset), fields, layer);
    else
      layer.given.set(name, {
        value: values[name],
        locate: (rest) => `${at(offsetOf(document, [name, ...rest]) ?? offset)}: ${pathText([name, ...rest])}`,
      });
  }
  return true;
}

function refuseKey(name: string, place: string, fields: readonly Field[], layer: LayerBuilder): void {
  const keys = fields.map(({ key }) => key);
  const hint = nearest(name, keys);
  const meant = hint === undefined ? `the keys are ${keys.join(", ")}` : `did you mean "${hint}"?`;
  layer.refuse(`${place}: key ${JSON.stringify(name)} is unknown: ${meant}`, hint);
}

/** Where `path` begins; for something absent, where what should have it begins. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}
