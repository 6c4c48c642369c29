import { type Directory, isName, type Post, subjectsOf } from "@halon/proto";
import { type Clock, Driver, type DriverOutput, type Random } from "@halon/runtime";
import { NO_DIRECTORY, TrackerCore, type TrackerInput, type TrackerOutput } from "./tracker-core.ts";

export interface EqTrackerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
}

const ASK_TIMEOUT_MS = 500;
/** Who may listen for changes in one process. */
const LISTENERS_MAX = 64;

/** One process's registry; see {@link TrackerCore}. */
export class EqTracker {
  readonly #ports: EqTrackerPorts;
  readonly #driver: Driver<TrackerInput, Exclude<TrackerOutput, DriverOutput>>;
  readonly #listeners: ((directory: Directory) => void)[] = [];
  #directory: Directory = NO_DIRECTORY;
  #changes = 0;
  /** Questions in a row that nobody has answered. */
  #unanswered = 0;
  /** When a station has last answered. */
  #heardAtMs: number | undefined;

  constructor(ports: EqTrackerPorts) {
    this.#ports = ports;
    const { clock, random } = ports;
    this.#driver = new Driver({ core: new TrackerCore(), clock, random, perform: (output) => this.#perform(output) });
    this.refresh();
  }

  get directory(): Directory {
    return this.#directory;
  }

  /** For people and their tools: what is known, and for how long nobody has answered (`heardMsAgo`: left out before the first answer). */
  get status(): Readonly<Record<string, unknown>> {
    const { stations, leader, transponders, monitors } = this.#directory;
    const counts = { transponders: transponders.length, monitors: monitors.length };
    const heard = this.#heardAtMs !== undefined && {
      heardMsAgo: Math.round(this.#ports.clock.nowMs() - this.#heardAtMs),
    };
    return { stations, leader, ...counts, changes: this.#changes, unanswered: this.#unanswered, ...heard };
  }

  /** `listener` at each change, and at once when something is known already. */
  onChange(listener: (directory: Directory) => void): void {
    if (this.#listeners.length >= LISTENERS_MAX) throw new Error(`more than ${LISTENERS_MAX} listeners on one tracker`);
    this.#listeners.push(listener);
    if (this.#directory !== NO_DIRECTORY) listener(this.#directory);
  }

  /** Tells that something did not answer where it should be. */
  refresh(): void {
    this.#driver.submit({ kind: "refresh" });
  }

  stop(): void {
    this.#driver.stop();
  }

  #perform(output: Exclude<TrackerOutput, DriverOutput>): void {
    if (output.kind === "changed") {
      this.#directory = output.directory;
      this.#changes++;
      for (const listener of this.#listeners) listener(output.directory);
      return;
    }
    const { ask } = output;
    const { clock, post } = this.#ports;
    const subject = subjectsOf(post.cluster).directory;
    post.request(subject, { kind: "directoryRequest", value: {} }, "directory", ASK_TIMEOUT_MS, (outcome) => {
      const directory = outcome.kind === "reply" ? named(outcome.value) : undefined;
      this.#unanswered = directory === undefined ? this.#unanswered + 1 : 0;
      if (directory !== undefined) this.#heardAtMs = clock.nowMs();
      this.#driver.complete({ kind: "answer", ask, directory });
    });
  }
}

/** Only what can stand in a subject: the names have been announced by anybody, and subjects are made of them. */
const named = ({ stations, leader, transponders, monitors }: Directory): Directory => ({
  stations: stations.filter(isName),
  leader: isName(leader) ? leader : "",
  transponders: transponders.filter(isName),
  monitors: monitors.filter(isName),
});
