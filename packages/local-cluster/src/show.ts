import { changesBetween } from "./changes.ts";
import { type Recovery, recoveryText } from "./recoveries.ts";
import { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";
import type { ClusterView } from "./view.ts";

/** Notices that stay below the table. */
const NOTICES_MAX = 6;

/** What is to be shown of one look. */
export interface Shown {
  readonly cluster: string;
  /** `undefined` at the first look. */
  readonly before: ClusterView | undefined;
  readonly view: ClusterView;
  /** Newest first. */
  readonly recoveries: readonly Recovery[];
  /** Those that this look has shown. */
  readonly fresh: readonly Recovery[];
}

/** How a run is shown. */
export interface Show {
  /** Something worth a line. */
  say(line: string): void;
  look(shown: Shown): void;
}

/** Wall time of a moment of `performance.now()`: `12:03:07`. */
export const timeText = (atMs: number): string =>
  new Date(performance.timeOrigin + atMs).toTimeString().slice(0, "12:03:07".length);

const stamped = (line: string): string => `${timeText(performance.now())}  ${line}`;

/** On a terminal: one picture, redrawn when it changes. */
export class LiveTable implements Show {
  readonly #output: NodeJS.WriteStream;
  readonly #screen: Screen;
  #notices: readonly string[] = [];
  #shown: Shown | undefined;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
    this.#screen = new Screen(output);
  }

  say(line: string): void {
    this.#notices = [...this.#notices, stamped(line)].slice(-NOTICES_MAX);
    if (this.#shown === undefined) this.#output.write(`${stamped(line)}\n`);
    else this.#draw(this.#shown);
  }

  look(shown: Shown): void {
    this.#shown = shown;
    this.#draw(shown);
  }

  #draw({ cluster, view, recoveries }: Shown): void {
    const { columnsMax } = this.#screen;
    const notices = this.#notices.flatMap((notice) => wrap(notice, columnsMax));
    this.#screen.draw(renderTable({ cluster, view, recoveries, timeText, notices, columnsMax }));
  }
}

const wrap = (line: string, max: number): readonly string[] => line.match(new RegExp(`.{1,${max}}`, "g")) ?? [line];

/** Elsewhere: a line per change. */
export class PlainLines implements Show {
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  say(line: string): void {
    this.#output.write(`${stamped(line)}\n`);
  }

  look({ before, view, fresh }: Shown): void {
    for (const line of changesBetween(before, view)) this.say(line);
    for (const each of fresh) this.say(recoveryText(each));
  }
}
