import type { Operation } from "./linearizability.ts";

/** A line that is no event of a history. `message` says which, and what is wrong. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
}

export interface HistoryOptions {
  /** Place of an event: a clock that all recorders of one history share, never going back. By default events are counted. */
  readonly at?: () => number;
  /** Takes each event as a line of JSON, without its end, when it happens: what is written so survives a crash. */
  readonly write?: (line: string) => void;
  /** Distinguishes the calls of this recorder from those of others whose lines go into the same history. */
  readonly recorder?: string;
}

interface Entry<Input, Output> {
  readonly input: Input;
  readonly calledAt: number;
  output: Output | undefined;
  endedAt: number;
}

/** What clients have asked and been told, in one order; inputs and outputs are JSON if they are written. */
export class History<Input, Output> {
  readonly #entries: Entry<Input, Output>[] = [];
  readonly #at: () => number;
  readonly #write: ((line: string) => void) | undefined;
  readonly #recorder: string;
  #events = 0;
  #answered = 0;

  constructor({ at, write, recorder = "" }: HistoryOptions = {}) {
    this.#at = at ?? (() => ++this.#events);
    this.#write = write;
    this.#recorder = recorder;
  }

  /** In the order of the calls. */
  get operations(): readonly Operation<Input, Output>[] {
    return this.#entries;
  }

  get called(): number {
    return this.#entries.length;
  }

  get answered(): number {
    return this.#answered;
  }

  /**
   * A call is about to be made. Returns what is to be called with its answer, once; if it never is, nobody knows whether the
   * call took place.
   */
  call(input: Input): (output: Output) => void {
    const entry: Entry<Input, Output> = {
      input,
      calledAt: this.#at(),
      output: undefined,
      endedAt: Number.POSITIVE_INFINITY,
    };
    const id = `${this.#recorder}${this.#entries.push(entry)}`;
    this.#write?.(JSON.stringify({ call: id, at: entry.calledAt, input }));
    return (output) => {
      entry.output = output;
      entry.endedAt = this.#at();
      this.#answered++;
      this.#write?.(JSON.stringify({ return: id, at: entry.endedAt, output }));
    };
  }
}

/** A line of which so far only `at` is known to be what it should. */
interface Line<Input, Output> {
  readonly at: number;
  readonly call?: unknown;
  readonly return?: unknown;
  readonly input: Input;
  readonly output: Output | undefined;
}

function parse<Input, Output>(line: string, where: string): Line<Input, Output> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new HistoryError(`${where} is no JSON: ${line.slice(0, 80)}`, { cause });
  }
  if (typeof value !== "object" || value === null) throw new HistoryError(`${where} is no object`);
  const fields = value as Line<Input, Output>;
  if (typeof fields.at !== "number") throw new HistoryError(`${where}: "at" must be a number`);
  return fields;
}

/**
 * The operations in lines as {@link History} writes them, of one recorder or of several; returns may stand before their
 * calls. A last line that a crash has cut short is left out. Inputs and outputs are taken as they are. Throws
 * {@link HistoryError}.
 */
export function readHistory<Input, Output>(text: string): readonly Operation<Input, Output>[] {
  const entries = new Map<string, Entry<Input, Output>>();
  const returns = new Map<string, { readonly at: number; readonly output: Output; readonly where: string }>();
  const lines = text.split("\n");
  // Whatever follows the last end of a line is not whole.
  for (const [index, line] of lines.slice(0, -1).entries()) {
    if (line === "") continue;
    const where = `line ${index + 1}`;
    const { call, return: returned, at, input, output } = parse<Input, Output>(line, where);
    if (typeof call === "string") {
      if (entries.has(call)) throw new HistoryError(`${where}: call ${call} is there twice`);
      entries.set(call, { input, calledAt: at, output: undefined, endedAt: Number.POSITIVE_INFINITY });
    } else if (typeof returned === "string") {
      if (returns.has(returned)) throw new HistoryError(`${where}: call ${returned} returns twice`);
      if (output === undefined) throw new HistoryError(`${where}: "output" is missing`);
      returns.set(returned, { at, output, where });
    } else {
      throw new HistoryError(`${where}: neither "call" nor "return" names a call`);
    }
  }
  for (const [id, { at, output, where }] of returns) {
    const entry = entries.get(id);
    if (entry === undefined) throw new HistoryError(`${where}: call ${id} is not there`);
    if (at < entry.calledAt) throw new HistoryError(`${where}: call ${id} returns before it is made`);
    entry.output = output;
    entry.endedAt = at;
  }
  return [...entries.values()];
}
