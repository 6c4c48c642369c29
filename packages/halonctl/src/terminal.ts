import { styleText } from "node:util";

/** What a program writes to: `process.stdout`, or a string in the making. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Everything that a run of the program touches of the world, besides stations. */
export interface World {
  readonly out: Sink;
  readonly err: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file, or standard input for `-`; of what is longer than `bytesMax`, a beginning that is longer too. Rejects with a system error. */
  readonly read: (path: string, bytesMax: number) => Promise<Uint8Array>;
}

export type Tone = "bold" | "dim" | "green" | "red" | "yellow";
export type Paint = (tone: Tone, text: string) => string;

/** Colours for a person at a terminal who has not asked for none (https://no-color.org), for nobody else. */
export function paintFor({ isTTY }: Sink, env: World["env"]): Paint {
  const isPlain = isTTY !== true || (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  return isPlain ? (_, text) => text : (tone, text) => styleText(tone, text, { validateStream: false });
}

const UNSAFE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** What somebody else wrote, as one line that does nothing to a terminal. */
export const harmless = (text: string): string =>
  text.replace(UNSAFE, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
