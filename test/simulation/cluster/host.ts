import type { DriverNotice, Grant, InstanceDriver, KnownProcess, RunRequest, Survivor } from "@halon/node-agent";
import { type Cancel, type Clock, fraction, type Random } from "@halon/runtime";
import type { Machine, World } from "@halon/simulation";
import type { RunLedger, Running } from "./ledger.ts";

/** From a guard's deadline to the death of the last process: within what the agent allows for it. */
const KILL_MS_MAX = 150;
const START_MS_MAX = 80;
const ANSWER_MS_MAX = 300;
const COORDINATOR_KEY = "coordinator";

interface Run {
  readonly request: { readonly key: string; readonly generation: number };
  readonly pid: number;
  readonly port: number;
  readonly running: Running | undefined;
  grant: Grant | undefined;
  guard: Cancel;
  notify: ((notice: DriverNotice) => void) | undefined;
  /** Under which the present agent knows it. */
  run: number;
}

export interface HostPorts {
  readonly world: World;
  readonly machine: Machine;
  readonly ledger: RunLedger;
  /** Starts the coordinator's process, and kills it. */
  readonly coordinator: { start(epoch: number): void; kill(): void };
}

/** The process table of one machine: what runs outlives the agent, and guards keep their deadlines without it. */
export class Host {
  readonly #ports: HostPorts;
  readonly #random: Random;
  readonly #runs = new Map<string, Run>();
  #pid = 100;

  constructor(ports: HostPorts) {
    this.#ports = ports;
    this.#random = ports.world.chance.fork(`host ${ports.machine.name}`);
  }

  /** Instances of services that run here. */
  get instances(): readonly string[] {
    return [...this.#runs.keys()].filter((key) => key !== COORDINATOR_KEY);
  }

  /** The process dies by itself. */
  crash(key: string, reason: string): void {
    const run = this.#runs.get(key);
    if (run === undefined) return;
    this.#end(run);
    run.notify?.({ kind: "exited", key, run: run.run, reason });
  }

  /** Power is lost: nothing is left, and nobody is told. */
  clear(): void {
    for (const run of [...this.#runs.values()]) this.#end(run);
  }

  /** The driver of one life of the agent; its notices come through `clock`, and end with it. */
  driver(clock: Clock): InstanceDriver {
    let listener: ((notice: DriverNotice) => void) | undefined;
    const later = (delayMs: number, act: () => void): void => void clock.at(clock.nowMs() + delayMs, act);
    const notify = (notice: DriverNotice): void => later(0, () => listener?.(notice));
    const between = (maxMs: number): number => 1 + fraction(this.#random) * maxMs;
    const answer = (run: Run, id: number): void =>
      later(between(ANSWER_MS_MAX), () => {
        if (this.#runs.get(run.request.key) === run && run.run === id)
          notify({ kind: "answering", key: run.request.key, run: id });
      });
    const driver: InstanceDriver = {
      survey: (known: readonly KnownProcess[], done) => {
        const births = new Set(known.map(({ key, pid }) => `${key} ${pid}`));
        const survivors = [...this.#runs.values()].map((run): Survivor => {
          const { key, generation } = run.request;
          const identity = {
            pid: run.pid,
            birth: births.has(`${key} ${run.pid}`) ? "known" : "marked",
            port: run.port,
          };
          return { key, generation, ...identity, ...(run.grant && { grant: run.grant }) };
        });
        later(1, () => done(survivors));
      },
      run: (request) =>
        later(between(START_MS_MAX), () => {
          const run = this.#start(request, notify);
          notify({
            kind: "started",
            key: request.key,
            run: request.run,
            process: { pid: run.pid, birth: "known", port: run.port },
          });
          if (request.key !== COORDINATOR_KEY) answer(run, request.run);
        }),
      adopt: (id, survivor) => {
        const run = this.#runs.get(survivor.key);
        if (run === undefined || run.pid !== survivor.pid)
          return notify({ kind: "exited", key: survivor.key, run: id, reason: "gone" });
        run.notify = notify;
        run.run = id;
        answer(run, id);
      },
      end: (key, id) =>
        later(between(KILL_MS_MAX), () => {
          const run = this.#runs.get(key);
          if (run?.run === id) this.crash(key, "ended");
        }),
      renew: (key, id, grant) => {
        const run = this.#runs.get(key);
        if (run?.run === id) this.#guard(run, grant);
      },
      onNotice: (given) => {
        listener = given;
      },
      close: () => {
        listener = undefined;
      },
    };
    return driver;
  }

  #start({ key, run: id, generation, env, port, grant }: RunRequest, notify: (notice: DriverNotice) => void): Run {
    const { ledger, machine, coordinator, world } = this.#ports;
    const isService = key !== COORDINATOR_KEY;
    const running = isService ? { instance: key, generation, machine: machine.name } : undefined;
    const run: Run = {
      request: { key, generation },
      pid: ++this.#pid,
      port: port === "none" ? 0 : port || 20_000 + this.#pid,
      running,
      grant: undefined,
      guard: () => undefined,
      notify,
      run: id,
    };
    this.#runs.set(key, run);
    if (running === undefined) coordinator.start(Number(env["HALON_EPOCH"]));
    else {
      ledger.begin(running);
      world.note(`runs ${key}, generation ${generation}`, machine.name);
    }
    if (grant !== undefined) this.#guard(run, grant);
    return run;
  }

  /** The guard's own clock is the machine's; it lives as long as what it guards. */
  #guard(run: Run, grant: Grant): void {
    run.guard();
    run.grant = grant;
    run.guard = this.#ports.machine.clock.at(grant.deadlineMs + fraction(this.#random) * KILL_MS_MAX, () =>
      this.crash(run.request.key, "its right has run out"),
    );
  }

  #end(run: Run): void {
    const { ledger, machine, coordinator, world } = this.#ports;
    run.guard();
    this.#runs.delete(run.request.key);
    if (run.running === undefined) return coordinator.kill();
    ledger.end(run.running);
    world.note(`${run.request.key} is gone`, machine.name);
  }
}
