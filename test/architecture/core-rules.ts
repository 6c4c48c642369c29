import ts from "typescript";
import type { SourceFile } from "./repository.ts";

/** Packages that are cores through and through. */
const CORE_PACKAGES = ["consensus", "paxos", "replicated-log", "resource-graph", "rules"];
const CORE_FILE = /(^|\/)core\/|(^|[/-])core\.ts$/;

/** Sans-IO: whole core packages, and elsewhere what is named `core.ts`, `*-core.ts` or lies in a `core/`. */
export function isCore(path: string): boolean {
  if (path.includes("/src/conformance/")) return false;
  return CORE_PACKAGES.some((name) => path.startsWith(`packages/${name}/src/`)) || CORE_FILE.test(path);
}

const CLOCKS = ["Date", "performance", "setTimeout", "setInterval", "setImmediate", "queueMicrotask"];
const FORBIDDEN_GLOBALS = new Map<string, string>([
  ...CLOCKS.map((name) => [name, "time comes in as `nowMs`, timers are outputs"] as const),
  ["crypto", "chance comes in with inputs"],
  ["process", "a core knows no process"],
  ["console", "a core prints nothing"],
  ["fetch", "a core does no IO"],
  ["Promise", "a core is synchronous: what takes time is an output, its result an input"],
]);
const SYNCHRONOUS = "a core is synchronous: what takes time is an output, its result an input";

/** True for a name that stands for a variable or type, not for a member, a label or a new name of somebody's own. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  const isName = (parent as unknown as ts.NamedDeclaration).name === node;
  return !isName;
}

function broken(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node) && isReference(node)) {
    const why = FORBIDDEN_GLOBALS.get(node.text);
    return why === undefined ? undefined : `\`${node.text}\`: ${why}`;
  }
  if (ts.isPropertyAccessExpression(node) && node.name.text === "random" && node.expression.getText() === "Math")
    return "`Math.random`: chance comes in with inputs";
  if (ts.isStringLiteral(node) && node.text.startsWith("node:") && isModuleName(node))
    return `\`${node.text}\`: a core does no IO`;
  if (ts.isAwaitExpression(node)) return `\`await\`: ${SYNCHRONOUS}`;
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return `\`async\`: ${SYNCHRONOUS}`;
  return undefined;
}

function isModuleName(node: ts.StringLiteral): boolean {
  const { parent } = node;
  return (
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    ts.isCallExpression(parent) ||
    ts.isLiteralTypeNode(parent)
  );
}

/** Where a core holds a clock, chance, IO or a promise: `path:line: what: why not`. */
export function impurities({ path, text }: SourceFile): readonly string[] {
  const found: string[] = [];
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const what = broken(node);
    if (what !== undefined) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${path}:${line + 1}: ${what}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** A core file that is longer holds more than one concept. */
export const CORE_LINES_MAX = 300;

/** `path: length` if it has more than {@link CORE_LINES_MAX} lines. */
export function overlong({ path, text }: SourceFile): readonly string[] {
  const lines = text.trimEnd().split("\n").length;
  return lines > CORE_LINES_MAX
    ? [`${path}: ${lines} lines, more than the ${CORE_LINES_MAX} of a core file: split it by concept`]
    : [];
}
