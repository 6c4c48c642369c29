import type { Clock } from "@halon/runtime";

/** Small files of one machine, each replaced whole: what a service keeps beside its journal. */
export interface Files {
  read(name: string): Uint8Array | undefined;
  names(): readonly string[];
  /** Visible at once; durable, and `done` called, after the disk's time. A crash before that may undo it. */
  write(name: string, bytes: Uint8Array, done?: () => void): void;
  remove(name: string, done?: () => void): void;
}

interface Change {
  readonly name: string;
  readonly bytes: Uint8Array | undefined;
}

/** What outlives processes: files as on the disk, and changes not yet durable, in the order in which they will be. */
export class FileDisk {
  readonly #durable = new Map<string, Uint8Array>();
  #waiting: Change[] = [];

  /** A crash: of the changes not yet durable the first `keep` survive. */
  crash(keep: number): void {
    for (const change of this.#waiting.slice(0, keep)) this.#settle(change);
    this.#waiting = [];
  }

  wipe(): void {
    this.#durable.clear();
    this.#waiting = [];
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The files as a process with this clock sees them. */
  open(clock: Clock, flushMs: () => number): Files {
    const change = (made: Change, done: (() => void) | undefined): void => {
      this.#waiting.push(made);
      clock.at(clock.nowMs() + flushMs(), () => {
        const at = this.#waiting.indexOf(made);
        // Changes become durable in order: this one takes those before it along.
        for (const each of this.#waiting.splice(0, at + 1)) this.#settle(each);
        done?.();
      });
    };
    return {
      read: (name) => this.#read(name),
      names: () =>
        [...new Set([...this.#durable.keys(), ...this.#waiting.map(({ name }) => name)])]
          .filter((name) => this.#read(name) !== undefined)
          .sort(),
      write: (name, bytes, done) => change({ name, bytes: Uint8Array.from(bytes) }, done),
      remove: (name, done) => change({ name, bytes: undefined }, done),
    };
  }

  #read(name: string): Uint8Array | undefined {
    const change = this.#waiting.findLast((each) => each.name === name);
    return change === undefined ? this.#durable.get(name) : change.bytes;
  }

  #settle({ name, bytes }: Change): void {
    if (bytes === undefined) this.#durable.delete(name);
    else this.#durable.set(name, bytes);
  }
}
