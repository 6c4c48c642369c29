import type { ConfigDefinition } from "./definition.ts";
import { type Field, holdsSecret } from "./field.ts";

/** The text of `--help`. */
export function helpText(definition: ConfigDefinition): string {
  const { service, about, version, commands, fields } = definition;
  const header = ["FLAG", "VARIABLE", "DEFAULT", "MEANING"];
  const kit = [
    ["--config FILE", "HALON_CONFIG", "none", "YAML or JSON file with these settings, keys in camelCase: natsUrl"],
    ["--help", "", "", "Prints this"],
    ["--version", "", "", "Prints the version"],
  ];
  const rows = fields.map((field) => [flagText(field), field.variable, defaultText(field), meaningText(field)]);
  return [
    `${service} ${version}: ${about}`,
    "",
    `Usage: ${service} [COMMAND] [FLAG ...]`,
    "",
    ...aligned(Object.entries(commands).map(([name, meaning]) => ["", name, meaning])),
    "",
    ...aligned([header, ...rows, ...kit]),
    "",
    "Flags win over variables, variables over the file, the file over defaults.",
    "",
  ].join("\n");
}

/** The fields as a Markdown table, for a service's README. */
export function variablesTable({ fields }: ConfigDefinition): string {
  const rows = fields.map((field) => [
    `\`${field.variable}\``,
    `\`${flagText(field)}\``,
    defaultText(field),
    meaningText(field),
  ]);
  const header = [
    ["variable", "flag", "default", "meaning"],
    ["---", "---", "---", "---"],
  ];
  return [...header, ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function flagText({ flag, kind, node }: Field): string {
  switch (kind) {
    case "boolean":
      return `${flag}, --no${flag.slice(1)}`;
    case "number":
      return `${flag} ${(node.unit ?? "number").toUpperCase()}`;
    case "list":
      return `${flag} A,B,…`;
    case "json":
      return `${flag} JSON`;
    case "text":
      return `${flag} TEXT`;
    default:
      return kind satisfies never;
  }
}

function defaultText({ node, isRequired }: Field): string {
  if (isRequired) return "required";
  if (node.defaultText !== undefined) return node.defaultText;
  if (node.default === undefined) return "none";
  if (holdsSecret(node)) return "hidden";
  const unit = node.unit === undefined ? "" : ` ${node.unit}`;
  const isFlat = Array.isArray(node.default) && node.default.every((item) => typeof item !== "object");
  if (isFlat) return `${(node.default as unknown[]).join(",") || "none"}${unit}`;
  return `${typeof node.default === "string" ? node.default : JSON.stringify(node.default)}${unit}`;
}

function meaningText({ node }: Field): string {
  const choices = node.enum === undefined ? "" : `: ${node.enum.map(String).join(", ")}`;
  return `${node.description ?? ""}${choices}`;
}
