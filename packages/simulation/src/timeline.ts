import type { TraceLine } from "./trace.ts";

const TIME_WIDTH = 12;
const COLUMN_WIDTH_MIN = 16;
const LINE_WIDTH_DEFAULT = 160;

/** Breaks at blanks where it can. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const blank = rest.lastIndexOf(" ", width);
    const cut = blank > 0 ? blank : width;
    lines.push(rest.slice(0, cut));
    rest = rest.slice(cut).trimStart();
  }
  return [...lines, rest];
}

/**
 * The lines as a table for people: time, then one column per member. A line belongs to the column that its `who` is or
 * begins with (`station-1/replica` to `station-1`); one of nobody there goes across all columns.
 */
export function timeline(lines: readonly TraceLine[], columns: readonly string[], width = LINE_WIDTH_DEFAULT): string {
  const each = Math.max(COLUMN_WIDTH_MIN, Math.floor((width - TIME_WIDTH) / Math.max(1, columns.length)) - 3);
  const row = (time: string, cells: readonly string[]): string =>
    [time.padStart(TIME_WIDTH), ...cells.map((cell) => cell.padEnd(each))].join(" │ ").trimEnd();
  const columnOf = (who: string): number => columns.findIndex((name) => who === name || who.startsWith(`${name}/`));
  const body = lines.flatMap(({ atMs, who, what }) => {
    const time = atMs.toFixed(3);
    const at = columnOf(who);
    if (at < 0) return [`${time.padStart(TIME_WIDTH)} ── ${who === "" ? "" : `${who} `}${what}`];
    return wrap(what, each).map((part, index) =>
      row(
        index === 0 ? time : "",
        columns.map((_, column) => (column === at ? part : "")),
      ),
    );
  });
  return [row("ms", columns), ...body].join("\n");
}
