import Table from "cli-table3";
import type { Paint } from "./terminal.ts";

const BLANKS = Object.fromEntries(
  [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
    ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid"],
  ].map((name) => [name, ""]),
);

/** Columns that line up, two blanks apart, under a headline; without lines. Empty when there are no rows. */
export function table(paint: Paint, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const made = new Table({
    chars: { ...BLANKS, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  made.push(
    head.map((name) => paint("bold", name)),
    ...rows.map((row) => [...row]),
  );
  const lines = made.toString().split("\n");
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
