import type { Field } from "./field.ts";
import { type Layer, LayerBuilder } from "./layer.ts";
import { nearest } from "./nearest.ts";

/** The command that is meant when none is named. */
export const COMMAND_DEFAULT = "run";
/** The command that asks the running service how it is. */
export const COMMAND_HEALTH = "health";

export interface CommandLine extends Layer {
  readonly command: string;
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
  readonly file: string | undefined;
}

/** Flags as they may be written, in the order of `--help`. */
const KIT_FLAGS = ["--config", "--help", "--version"];

/** Reads `[COMMAND] --flag value --flag=value --switch --no-switch`. */
export function readCommandLine(
  argv: readonly string[],
  fields: readonly Field[],
  commands: readonly string[],
): CommandLine {
  const reader = new Reader(argv, fields, commands);
  while (!reader.isDone) reader.next();
  return reader;
}

class Reader extends LayerBuilder implements CommandLine {
  readonly #argv: readonly string[];
  readonly #fields: readonly Field[];
  readonly #commands: readonly string[];
  readonly #seen = new Set<string>();
  #at = 0;
  #command: string | undefined;
  wantsHelp = false;
  wantsVersion = false;
  file: string | undefined;

  constructor(argv: readonly string[], fields: readonly Field[], commands: readonly string[]) {
    super();
    this.#argv = argv;
    this.#fields = fields;
    this.#commands = commands;
  }

  get isDone(): boolean {
    return this.#at >= this.#argv.length;
  }

  get command(): string {
    return this.#command ?? COMMAND_DEFAULT;
  }

  next(): void {
    const argument = this.#argv[this.#at++] ?? "";
    if (!argument.startsWith("-")) return this.#onWord(argument);
    const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === "--help" || name === "-h") this.wantsHelp = true;
    else if (name === "--version") this.wantsVersion = true;
    else if (name === "--config") this.file = this.#valueOf(name, value, undefined) ?? this.file;
    else this.#onFlag(name, value);
  }

  #onWord(word: string): void {
    const isCommand = this.#commands.includes(word);
    if (isCommand && this.#command === undefined) this.#command = word;
    else if (isCommand) this.refuse(`command ${word} is one too many: ${this.#command} was given before it`);
    else {
      const hint = nearest(word, this.#commands) ?? this.#commands.join(", ");
      this.refuse(`argument ${JSON.stringify(word)} is no command: did you mean ${hint}?`);
    }
  }

  #onFlag(name: string, value: string | undefined): void {
    const field = this.#fields.find(({ flag }) => flag === name);
    const negated = this.#fields.find(({ flag, kind }) => kind === "boolean" && name === `--no${flag.slice(1)}`);
    if (field === undefined && negated === undefined) return this.#onUnknown(name, value);
    const { key, kind } = field ?? (negated as Field);
    if (kind !== "list" && this.#seen.has(key)) return this.refuse(`flag ${name} is given twice: keep one`, key);
    this.#seen.add(key);
    if (field === undefined) {
      if (value === undefined) this.#takeSwitch(key, name, false);
      else this.refuse(`flag ${name} takes no value: write ${name}, or --${name.slice(5)}=${value}`, key);
    } else if (kind === "boolean" && value === undefined) this.#takeSwitch(key, name, true);
    else {
      const text = this.#valueOf(name, value, key);
      if (text !== undefined) this.takeText(field, text, `flag ${name}`);
    }
  }

  #takeSwitch(key: string, name: string, value: boolean): void {
    this.given.set(key, { value, locate: () => `flag ${name}` });
  }

  #onUnknown(name: string, value: string | undefined): void {
    const switches = this.#fields.filter(({ kind }) => kind === "boolean").map(({ flag }) => `--no${flag.slice(1)}`);
    const hint = nearest(name, [...this.#fields.map(({ flag }) => flag), ...KIT_FLAGS, ...switches]);
    const meant = hint === undefined ? "--help lists all flags" : `did you mean ${hint}?`;
    this.refuse(`flag ${name} is unknown: ${meant}`, this.#fields.find(({ flag }) => flag === hint)?.key);
    // Its value is no mistake of its own.
    const next = this.#argv[this.#at];
    const isCommand = next !== undefined && this.#commands.includes(next);
    if (value === undefined && next !== undefined && !next.startsWith("-") && !isCommand) this.#at++;
  }

  #valueOf(name: string, value: string | undefined, key: string | undefined): string | undefined {
    if (value !== undefined) return value;
    const next = this.#argv[this.#at];
    if (next === undefined || next.startsWith("--")) {
      this.refuse(`flag ${name} needs a value: write ${name}=VALUE`, key);
      return undefined;
    }
    this.#at++;
    return next;
  }
}
