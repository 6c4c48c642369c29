import type { Activate, ActivateReply } from "@halon/proto";
import type { DriverNotice, KnownProcess, Survivor } from "../instance-driver.ts";
import type { Outputs } from "./agent-io.ts";
import type { Runs } from "./instance.ts";

/** How this node runs a coordinator: as a process of its own, as one that waits beside the agent, or not at all. */
export type CoordinatorConfig =
  | { readonly kind: "process"; readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> }
  | { readonly kind: "resident" }
  | { readonly kind: "none" };

export const COORDINATOR_KEY = "coordinator";

/** What became of an activation; `resident`: the waiting coordinator is to be asked. */
export type Activated = ActivateReply | "resident";

/**
 * Starts the coordinator that a supervisor has elected this node for: one process per epoch, once. One of an older epoch
 * is killed first. A coordinator that has ended is not started again: the lease lapses, and there is another epoch.
 */
export class Activation {
  readonly #config: CoordinatorConfig;
  readonly #runs: Runs;
  /** Newest epoch activated. */
  #epoch = 0;
  #run = 0;
  #runEpoch = 0;
  #isAlive = false;
  #isAwaited = false;
  #process: KnownProcess | undefined;
  #isClosing = false;

  constructor(config: CoordinatorConfig, runs: Runs) {
    this.#config = config;
    this.#runs = runs;
  }

  get epoch(): number {
    return this.#epoch;
  }
  get process(): KnownProcess | undefined {
    return this.#process;
  }
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** After a restart of the agent. */
  begin(epoch: number, survivor: Survivor | undefined, out: Outputs): void {
    this.#epoch = epoch;
    if (survivor === undefined) return;
    [this.#run, this.#runEpoch] = [this.#runs.next(), survivor.generation];
    [this.#isAlive, this.#process] = [true, survivor];
    out.push({ kind: "adopt", run: this.#run, survivor });
    if (survivor.generation !== epoch || this.#config.kind !== "process") this.#kill(out);
  }

  activate({ epoch }: Activate, out: Outputs): Activated {
    if (this.#config.kind === "none") return refused("no coordinator is configured on this node");
    if (epoch < this.#epoch) return refused(`epoch ${this.#epoch} was activated here already`);
    if (this.#isClosing) return refused("this agent is stopping");
    if (this.#config.kind === "resident") {
      this.#epoch = epoch;
      return "resident";
    }
    if (epoch === this.#epoch) {
      if (this.#isAwaited || (this.#isAlive && this.#runEpoch === epoch))
        return { outcome: "running", message: `epoch ${epoch}` };
      return refused(`the coordinator of epoch ${epoch} has ended`);
    }
    this.#epoch = epoch;
    if (this.#isAlive) {
      this.#isAwaited = true;
      this.#kill(out);
    } else this.#start(out);
    return { outcome: "started", message: `epoch ${epoch}` };
  }

  /** True when the notice was about a coordinator. */
  onNotice(notice: DriverNotice, out: Outputs): boolean {
    if (notice.key !== COORDINATOR_KEY) return false;
    if (notice.run !== this.#run || !this.#isAlive) return true;
    if (notice.kind === "started")
      this.#process = { ...notice.process, key: COORDINATOR_KEY, generation: this.#runEpoch };
    if (notice.kind !== "exited") return true;
    const text = `the coordinator of epoch ${this.#runEpoch} has ended: ${notice.reason}`;
    out.push({ kind: "note", level: "warn", text, facts: { epoch: this.#runEpoch } });
    [this.#isAlive, this.#process] = [false, undefined];
    if (this.#isAwaited && !this.#isClosing) this.#start(out);
    return true;
  }

  /** Ends it with the agent; a coordinator that is killed loses nothing. */
  shutdown(out: Outputs): void {
    this.#isClosing = true;
    if (this.#isAlive) this.#kill(out);
  }

  #kill(out: Outputs): void {
    out.push({ kind: "end", key: COORDINATOR_KEY, run: this.#run, graceMs: 0 });
  }

  #start(out: Outputs): void {
    if (this.#config.kind !== "process") return;
    const { command, env } = this.#config;
    [this.#isAwaited, this.#isAlive, this.#run, this.#runEpoch] = [false, true, this.#runs.next(), this.#epoch];
    const request = { key: COORDINATOR_KEY, run: this.#run, generation: this.#epoch, command, cwd: "" } as const;
    const told = { ...env, HALON_EPOCH: String(this.#epoch) };
    out.push({ kind: "run", request: { ...request, port: "none", env: told } });
  }
}

const refused = (message: string): ActivateReply => ({ outcome: "refused", message });
