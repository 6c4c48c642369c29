import type { Paint, Sink } from "../terminal.ts";

/** What a command on directories works with. */
export interface OfflineTask {
  readonly out: Sink;
  readonly isJson: boolean;
  readonly paint: Paint;
}

/** Prints the result as JSON, or as `text` for people. */
export function show({ out, isJson }: OfflineTask, result: unknown, text: () => string): void {
  out.write(isJson ? `${JSON.stringify(result, undefined, 2)}\n` : text());
}

/** Names and what there is to say of them, one per line, lined up. */
export function facts(paint: Paint, rows: readonly (readonly [name: string, fact: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, fact]) => `${paint("bold", name.padEnd(width))}  ${fact}\n`).join("");
}

/** `1 … 5`, `5`, or `none`. */
export const span = (from: number, to: number): string =>
  to < from ? "none" : to === from ? `${from}` : `${from} … ${to}`;

/** `1 decree`, `2 decrees`. */
export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;
