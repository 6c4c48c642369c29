import { type Document, isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { parseSpec, type Spec } from "./spec.ts";

/** Longest text taken; what it stands for is bounded as well. */
export const TEXT_CHARS_MAX = 128 * 1024;
/** Expansions of YAML aliases: a few lines of them can stand for gigabytes. */
const ALIASES_MAX = 100;

/** Where in the text something is wrong. Lines and columns count from 1. */
export interface TextMistake {
  readonly line: number;
  readonly column: number;
  /** `services.web.instances`, empty for the whole. */
  readonly path: string;
  readonly message: string;
}

export type TextOutcome =
  /** `json` is what is submitted. */
  | { readonly kind: "spec"; readonly spec: Spec; readonly json: string }
  | { readonly kind: "mistakes"; readonly mistakes: readonly TextMistake[] };

/** Reads `cluster.yaml` (JSON is YAML too). All mistakes are listed at once, each with its line. */
export function parseSpecText(text: string): TextOutcome {
  if (text.length > TEXT_CHARS_MAX)
    return one(
      `the text has ${text.length} characters: at most ${TEXT_CHARS_MAX} are allowed; split it, and apply the parts`,
    );
  const lines = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
    const wrong = [...document.errors, ...document.warnings];
    if (wrong.length > 0) return sorted(wrong.map(({ pos, message }) => ({ ...place(pos[0]), path: "", message })));
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    // What is nested too deeply, or stands for too much.
    return one(error instanceof Error ? error.message : String(error));
  }
  const outcome = parseSpec(value);
  if (outcome.kind === "spec") return { kind: "spec", spec: outcome.spec, json: JSON.stringify(value) };
  return sorted(
    outcome.mistakes.map(({ path, message }) => ({
      ...place(offsetOf(document.contents, path)),
      path: path.join("."),
      message,
    })),
  );
}

const sorted = (mistakes: readonly TextMistake[]): TextOutcome => ({
  kind: "mistakes",
  mistakes: [...mistakes].sort((a, b) => a.line - b.line || a.column - b.column),
});

const one = (message: string): TextOutcome => sorted([{ line: 1, column: 1, path: "", message }]);

/** Where the deepest part of `path` that is in the text begins. */
function offsetOf(root: unknown, path: readonly (string | number)[]): number {
  let node: unknown = root;
  let offset = isNode(root) ? startOf(root) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (!isPair(pair) || !isNode(pair.key)) return offset;
      offset = startOf(pair.key);
      node = pair.value;
    } else {
      const items = (node as { items?: readonly unknown[] } | null)?.items;
      node = items?.[Number(step)];
      if (!isNode(node)) return offset;
      offset = startOf(node);
    }
  }
  return offset;
}

const startOf = (node: Node): number => node.range?.[0] ?? 0;
