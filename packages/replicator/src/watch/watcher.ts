import { type Cancel, type Clock, Driver, type DriverOutput, fraction, type Random } from "@halon/runtime";
import type { WatchAnswer, WatchFrom, WatchNews, WatchRequest } from "./watch.ts";
import { WatchCore, type WatchInput, type WatchOutput } from "./watch-core.ts";

/**
 * Told one thing at a time: after `changes` nothing comes until `proceed` is called, which may be at once or much later. So who
 * is slow holds up nobody, and is told to resync when it has missed something.
 */
export type Tell = (news: WatchNews, proceed: () => void) => void;

export interface WatcherPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks one member; `done` once, never from within: its answer, or `undefined` when none came within `timeoutMs`. */
  readonly poll: (
    to: string,
    request: WatchRequest,
    timeoutMs: number,
    done: (answer: WatchAnswer | undefined) => void,
  ) => void;
}

/** Watches in one process: each is a question that waits at a member. */
export const WATCHES_MAX = 64;

/** One watch, until it is over or stopped: binds {@link WatchCore} to clock and network. */
class Watcher {
  readonly #driver: Driver<WatchInput, Exclude<WatchOutput, DriverOutput>>;
  readonly #ports: WatcherPorts;
  readonly #tell: (news: WatchNews, proceed: () => void) => void;

  constructor(from: WatchFrom, ports: WatcherPorts, tell: Tell) {
    const { clock, random } = ports;
    this.#ports = ports;
    this.#tell = tell;
    this.#driver = new Driver({
      core: new WatchCore(from),
      clock,
      random,
      perform: (output) => this.#perform(output),
    });
  }

  follow(members: readonly string[]): void {
    this.#driver.complete({ kind: "members", members, random: fraction(this.#ports.random) });
  }

  stop(): void {
    this.#driver.stop();
  }

  #perform(output: Exclude<WatchOutput, DriverOutput>): void {
    if (output.kind === "news") {
      let isDone = false;
      return this.#tell(output.news, () => {
        if (!isDone) this.#driver.complete({ kind: "proceed" });
        isDone = true;
      });
    }
    const { poll, to, request, timeoutMs } = output;
    this.#ports.poll(to, request, timeoutMs, (answer) => this.#driver.complete({ kind: "answer", poll, answer }));
  }
}

/** All watches of one client of a group. */
export class Watchers {
  readonly #ports: WatcherPorts;
  readonly #watchers = new Set<Watcher>();
  #members: readonly string[];

  constructor(members: readonly string[], ports: WatcherPorts) {
    this.#members = members;
    this.#ports = ports;
  }

  get count(): number {
    return this.#watchers.size;
  }

  /** `tell` never from within, and not after cancelling. */
  watch(from: WatchFrom, tell: Tell): Cancel {
    if (this.#watchers.size >= WATCHES_MAX) {
      const message = `${WATCHES_MAX} watches are open in this process: end one, or let one tell several`;
      return refuseLater(this.#ports.clock, message, tell);
    }
    const end = (): void => {
      watcher.stop();
      this.#watchers.delete(watcher);
    };
    const watcher = new Watcher(from, this.#ports, (news, proceed) => {
      if (news.kind !== "changes") end();
      tell(news, proceed);
    });
    this.#watchers.add(watcher);
    watcher.follow(this.#members);
    return end;
  }

  /** Whom to ask from now on. */
  follow(members: readonly string[]): void {
    this.#members = members;
    for (const watcher of this.#watchers) watcher.follow(members);
  }

  stop(): void {
    for (const watcher of this.#watchers) watcher.stop();
    this.#watchers.clear();
  }
}

/** What a watch that cannot be is told. */
export const refuseLater = (clock: Clock, message: string, tell: Tell): Cancel =>
  clock.at(clock.nowMs(), () => tell({ kind: "refused", message }, () => undefined));
