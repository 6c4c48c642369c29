import type { InstanceSpec, InstanceState } from "@halon/proto";
import type { DriverNotice, Grant, KnownProcess, Survivor } from "../instance-driver.ts";
import type { Outputs } from "./agent-io.ts";
import type { InstanceRecord } from "./agent-state.ts";
import { ENDLESS, RestartRule } from "./restart-rule.ts";

/** Longest reason that is told. */
const REASON_CHARS_MAX = 160;

/** Numbers runs, for all instances of one agent. */
export interface Runs {
  next(): number;
}

export interface InstanceOptions {
  /** One of the node's own services: restarted without end, without a port, its name is its key. */
  readonly isOwn: boolean;
  readonly runs: Runs;
  /** Between asking a program to end and killing it. */
  readonly stopGraceMs: number;
}

type Phase =
  /** Stopped or failed. */
  | "idle"
  /** Waits for the right to run. */
  | "held"
  /** Waits before it is started again. */
  | "pausing"
  /** Asked to start, or runs. */
  | "running"
  /** Asked to end. */
  | "ending";

/** One program that is kept running, from the command to run it to what is left of it. */
export class Instance {
  readonly #options: InstanceOptions;
  #spec: InstanceSpec;
  #rule: RestartRule;
  #wanted = true;
  #failed = false;
  #phase: Phase = "idle";
  #run = 0;
  /** Generation that was asked to start last. */
  #runGeneration = 0;
  #process: KnownProcess | undefined;
  #isAnswering = false;
  #port: number;
  #restarts: number;
  #reason: string;

  constructor(spec: InstanceSpec, options: InstanceOptions, record?: InstanceRecord) {
    this.#options = options;
    this.#spec = spec;
    this.#rule = this.#newRule();
    this.#wanted = record?.wanted ?? true;
    this.#failed = record?.failed ?? false;
    this.#port = record?.port ?? 0;
    this.#restarts = record?.restarts ?? 0;
    this.#reason = record?.reason ?? "";
  }

  get key(): string {
    return this.#spec.instance;
  }
  get spec(): InstanceSpec {
    return this.#spec;
  }
  get wanted(): boolean {
    return this.#wanted;
  }
  /** True while there is, or may be, a process of it. */
  get isAlive(): boolean {
    return this.#phase === "running" || this.#phase === "ending";
  }
  get process(): KnownProcess | undefined {
    return this.#process;
  }
  get record(): InstanceRecord {
    const spec = this.#spec;
    const [wanted, failed, restarts] = [this.#wanted, this.#failed, this.#restarts];
    return { spec, wanted, failed, restarts, reason: this.#reason, port: this.#port };
  }

  get state(): InstanceState {
    // What is ending to make room for a newer generation is not that generation's.
    const { pid = 0, port = 0 } = (this.#phase === "ending" && this.#wanted ? undefined : this.#process) ?? {};
    const [restarts, reason] = [this.#restarts, this.#reason.slice(0, REASON_CHARS_MAX)];
    return { instance: this.key, generation: this.#spec.generation, state: this.#word(), port, pid, restarts, reason };
  }

  #word(): string {
    if (this.#failed) return "failed";
    if (!this.#wanted) return this.isAlive ? "running" : "stopped";
    return this.#phase === "running" && this.#isAnswering ? "running" : "starting";
  }

  /** A new generation: what runs of the old one ends first. */
  start(spec: InstanceSpec, grant: Grant | undefined, out: Outputs): void {
    this.#spec = spec;
    this.#rule = this.#newRule();
    [this.#wanted, this.#failed, this.#restarts, this.#reason] = [true, false, 0, ""];
    if (this.#phase === "running") this.#end(this.#options.stopGraceMs, out);
    else if (this.#phase !== "ending") this.#go(grant, out);
  }

  /** Goes on after a restart of the agent, with what is left. */
  resume(survivor: Survivor | undefined, grant: Grant | undefined, nowMs: number, out: Outputs): void {
    if (survivor !== undefined) {
      this.#run = this.#options.runs.next();
      this.#process = survivor;
      this.#phase = "running";
      out.push({ kind: "adopt", run: this.#run, survivor });
      if (this.#spec.exclusive && survivor.grant === undefined) this.#end(0, out);
      else if (!this.#wanted || this.#failed || survivor.generation !== this.#spec.generation)
        this.#end(this.#options.stopGraceMs, out);
    } else if (this.#wanted && !this.#failed) {
      if (this.#options.isOwn || this.#spec.exclusive) this.#go(grant, out);
      else this.#onEnd("it was gone when the agent started", nowMs, out);
    }
  }

  /** It shall not run any more. False when nothing of it ran. */
  stop(generation: number, out: Outputs): boolean {
    this.#spec = { ...this.#spec, generation };
    [this.#wanted, this.#failed, this.#reason] = [false, false, ""];
    if (this.#phase === "running") this.#end(this.#options.stopGraceMs, out);
    if (this.isAlive) return true;
    this.#becomeIdle(out);
    return false;
  }

  /** Ends it with the agent; it stays wanted. */
  shutdown(out: Outputs): void {
    if (this.#phase === "running") this.#end(this.#options.stopGraceMs, out);
    else if (!this.isAlive) this.#becomeIdle(out);
  }

  /** The right was gained, prolonged or, without a grant, lost. `mayStart`: those that wait for it may start. */
  onGrant(grant: Grant | undefined, mayStart: boolean, out: Outputs): void {
    if (!this.#spec.exclusive) return;
    if (grant === undefined) {
      if (this.isAlive) {
        this.#reason = "the right to run it has lapsed";
        this.#end(0, out);
      }
    } else if (this.#phase === "running") out.push({ kind: "renew", key: this.key, run: this.#run, grant });
    else if (this.#phase === "held" && mayStart) this.#go(grant, out);
  }

  onTimer(grant: Grant | undefined, out: Outputs): void {
    if (this.#phase === "pausing") this.#go(grant, out);
  }

  /** `isClosing`: nothing is started any more. */
  onNotice(notice: DriverNotice, isClosing: boolean, grant: Grant | undefined, nowMs: number, out: Outputs): void {
    if (notice.run !== this.#run || !this.isAlive) return;
    if (notice.kind === "started") {
      this.#process = { ...notice.process, key: this.key, generation: this.#runGeneration };
      this.#port = notice.process.port;
    } else if (notice.kind === "answering") this.#isAnswering = true;
    else {
      // A port that never answered may be somebody else's.
      if (!this.#isAnswering) this.#port = 0;
      const wasEnding = this.#phase === "ending";
      this.#process = undefined;
      this.#phase = "idle";
      if (!this.#wanted || this.#failed || isClosing) this.#becomeIdle(out);
      else if (wasEnding) this.#go(grant, out);
      else this.#onEnd(notice.reason, nowMs, out);
    }
  }

  #newRule(): RestartRule {
    const { restartsMax, restartWindowMs: windowMs } = this.#spec;
    return new RestartRule(this.#options.isOwn ? ENDLESS : { restartsMax, windowMs });
  }

  #go(grant: Grant | undefined, out: Outputs): void {
    const { instance: key, generation, command, env, cwd, exclusive } = this.#spec;
    this.#isAnswering = false;
    if (exclusive && grant === undefined) {
      this.#phase = "held";
      return;
    }
    this.#phase = "running";
    const run = this.#options.runs.next();
    this.#run = run;
    this.#runGeneration = generation;
    const port = this.#options.isOwn ? "none" : this.#port;
    const request = { key, run, generation, command, env, cwd, port } as const;
    out.push({ kind: "run", request: exclusive && grant !== undefined ? { ...request, grant } : request });
  }

  #end(graceMs: number, out: Outputs): void {
    this.#phase = "ending";
    out.push({ kind: "end", key: this.key, run: this.#run, graceMs });
  }

  #onEnd(reason: string, nowMs: number, out: Outputs): void {
    const pauseMs = this.#rule.onExit(nowMs);
    const facts = { instance: this.key, generation: this.#spec.generation, reason };
    if (pauseMs === undefined) {
      this.#failed = true;
      this.#reason = `${reason}; no more than ${this.#spec.restartsMax} restarts in ${this.#spec.restartWindowMs} ms`;
      out.push({ kind: "note", level: "warn", text: `${this.key} failed: ${reason}`, facts });
      this.#becomeIdle(out);
      return;
    }
    this.#restarts++;
    this.#reason = reason;
    this.#phase = "pausing";
    out.push({ kind: "note", level: "warn", text: `${this.key}: ${reason}; starts again in ${pauseMs} ms`, facts });
    out.push({ kind: "timer", name: timerOf(this.key), atMs: nowMs + pauseMs });
  }

  #becomeIdle(out: Outputs): void {
    if (this.#phase === "pausing") out.push({ kind: "timer", name: timerOf(this.key), atMs: undefined });
    this.#phase = "idle";
  }
}

const TIMER = "pause ";
const timerOf = (key: string): string => `${TIMER}${key}`;
/** The key of the instance whose timer this is. */
export const keyOfTimer = (name: string): string | undefined =>
  name.startsWith(TIMER) ? name.slice(TIMER.length) : undefined;
