import type { Described } from "./invariants/all.ts";

/** What {@link countsTable} needs. */
interface Counts {
  readonly runs: number;
  readonly faults: number;
  readonly runsWith: ReadonlyMap<string, number>;
  readonly strikes: ReadonlyMap<string, number>;
  readonly checks: ReadonlyMap<string, { readonly all: number; readonly with: ReadonlyMap<string, number> }>;
}

/** Three digits are enough: `950`, `38.2k`, `1.02M`. */
export function short(count: number): string {
  const units = ["", "k", "M", "G", "T"];
  let [value, at] = [count, 0];
  for (; value >= 999.5 && at < units.length - 1; at++) value /= 1000;
  return at === 0 ? `${count}` : `${value.toPrecision(3)}${units[at]}`;
}

/** A table in Markdown, its columns aligned for those who read it as it is. */
function markdown(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("\n");
}

/**
 * Invariants × faults × runs: a row per kind of fault, with the runs in which it struck, how often, and how much each
 * invariant has looked at in those runs.
 */
export function countsTable({ runs, faults, runsWith, strikes, checks }: Counts): string {
  const invariants = [...checks];
  const row = (kind: string): string[] => [
    kind,
    short(runsWith.get(kind) ?? 0),
    short(strikes.get(kind) ?? 0),
    ...invariants.map(([, sum]) => short(sum.with.get(kind) ?? 0)),
  ];
  return markdown([
    ["fault", "runs", "strikes", ...invariants.map(([name]) => name)],
    ["any or none", short(runs), short(faults), ...invariants.map(([, { all }]) => short(all))],
    ...[...strikes.keys()].sort().map(row),
  ]);
}

/** What must hold, and where it comes from. */
export const invariantsTable = (invariants: readonly Described[]): string =>
  markdown([
    ["invariant", "what must hold", "where it comes from"],
    ...invariants.map(({ name, says, citation }) => [name, says, citation]),
  ]);
