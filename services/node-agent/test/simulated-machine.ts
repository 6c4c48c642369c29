import type { Clock } from "@halon/runtime";
import type { DriverNotice, Grant, InstanceDriver, RunRequest, Survivor } from "../src/instance-driver.ts";

/** A process of the simulated machine. */
export interface SimulatedProcess extends Survivor {
  readonly request: RunRequest;
  readonly isAlive: boolean;
}

interface Process extends Survivor {
  readonly request: RunRequest;
  isAlive: boolean;
  grant?: Grant;
}

const START_MS = 5;
const ANSWER_MS = 20;
const TERM_MS = 10;
const NOTICE_MS = 1;

/**
 * A process table in virtual time: programs that run until told otherwise, guards that kill at their deadline, whether
 * or not an agent is there. Each `driver()` is one life of an agent on it.
 */
export class SimulatedMachine {
  readonly #clock: Clock;
  /** All that ever ran, oldest first. */
  readonly history: Process[] = [];
  /** Keys whose program ends by itself this long after its start. */
  readonly lifetimeMs = new Map<string, number>();
  #pid = 100;
  #life = 0;
  #notify: (notice: DriverNotice, pid: number) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  alive(key: string): readonly SimulatedProcess[] {
    return this.history.filter((process) => process.key === key && process.isAlive);
  }

  /** How often the key was started. */
  starts(key: string): number {
    return this.history.filter((process) => process.key === key).length;
  }

  kill(key: string): void {
    for (const process of this.history)
      if (process.key === key && process.isAlive) this.#end(process, "was killed by SIGKILL");
  }

  /** Everything that runs is gone. The agent of that time must be stopped. */
  reboot(): void {
    for (const process of this.history) process.isAlive = false;
  }

  driver(): InstanceDriver {
    const life = ++this.#life;
    const clock = this.#clock;
    const runs = new Map<number, Process | "none">();
    const runOf = (pid: number): number | undefined =>
      [...runs].find(([, process]) => process !== "none" && process.pid === pid)?.[0];
    let listener: (notice: DriverNotice) => void = () => {};
    const notify = (notice: DriverNotice): void => {
      clock.at(clock.nowMs() + NOTICE_MS, () => {
        if (life === this.#life) listener(notice);
      });
    };
    this.#notify = (notice, pid) => {
      const run = runOf(pid);
      if (run !== undefined) notify({ ...notice, run });
    };
    return {
      survey: (known, done) =>
        void clock.at(clock.nowMs() + 1, () => {
          void known;
          done(this.history.filter(({ isAlive }) => isAlive));
        }),
      run: (request) => {
        runs.set(request.run, "none");
        clock.at(clock.nowMs() + START_MS, () => {
          if (life !== this.#life || runs.get(request.run) === undefined) return;
          const process = this.#start(request);
          runs.set(request.run, process);
          const { key, run } = request;
          notify({ kind: "started", key, run, process });
          this.#answerLater(process, () => notify({ kind: "answering", key, run }));
        });
      },
      adopt: (run, survivor) => {
        const process = this.history.find(({ pid }) => pid === survivor.pid) as Process;
        runs.set(run, process);
        this.#answerLater(process, () => notify({ kind: "answering", key: survivor.key, run }));
      },
      end: (key, run, graceMs) => {
        const process = runs.get(run);
        if (process === "none") {
          runs.delete(run);
          notify({ kind: "exited", key, run, reason: "it was stopped before it started" });
        } else if (process !== undefined)
          clock.at(clock.nowMs() + Math.min(graceMs, TERM_MS), () => this.#end(process, "was asked to end"));
      },
      renew: (_key, run, grant) => {
        const process = runs.get(run);
        if (process !== undefined && process !== "none" && process.isAlive) this.#guard(process, grant);
      },
      onNotice: (each) => {
        listener = each;
      },
      close: () => {},
    };
  }

  #answerLater(process: Process, answer: () => void): void {
    const clock = this.#clock;
    clock.at(clock.nowMs() + ANSWER_MS, () => {
      if (process.isAlive) answer();
    });
  }

  #start(request: RunRequest): Process {
    const { key, generation, grant } = request;
    const pid = ++this.#pid;
    const wanted = request.port === "none" ? 0 : request.port || 20_000 + pid;
    const process: Process = { key, generation, pid, birth: `b${pid}`, port: wanted, request, isAlive: true };
    this.history.push(process);
    if (grant !== undefined) this.#guard(process, grant);
    const lifetimeMs = this.lifetimeMs.get(key);
    const clock = this.#clock;
    if (lifetimeMs !== undefined) clock.at(clock.nowMs() + lifetimeMs, () => this.#end(process, "exited with code 1"));
    return process;
  }

  #guard(process: Process, grant: Grant): void {
    process.grant = grant;
    this.#clock.at(grant.deadlineMs, () => {
      if (process.grant?.deadlineMs === grant.deadlineMs) this.#end(process, "its right to run has passed");
    });
  }

  #end(process: Process, reason: string): void {
    if (!process.isAlive) return;
    process.isAlive = false;
    this.#notify({ kind: "exited", key: process.key, run: 0, reason }, process.pid);
  }
}
