import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cancel, Clock } from "@halon/runtime";
import { type GuardOrder, MARK_GUARD, MARK_GUARDED, MARK_IS_GUARD } from "../guard/protocol.ts";
import type { DriverNotice, Grant, InstanceDriver, KnownProcess, RunRequest, Survivor } from "../instance-driver.ts";
import { childEnv, MARK, MARK_GENERATION, MARK_KEY, MARK_PORT } from "./child-env.ts";
import { askGuard } from "./guard-link.ts";
import { LogFiles } from "./log-files.ts";
import { Ports } from "./ports.ts";
import { ProcessRun } from "./process-run.ts";
import { groupLeaders, isAlive, signalGroup } from "./process-table.ts";

export interface ProcessDriverOptions {
  readonly clock: Clock;
  readonly node: string;
  /** Sockets of guards lie here; its full path names the agent among all on the machine. */
  readonly stateDir: string;
  readonly logDir: string;
  readonly logBytesMax: number;
  /** What programs inherit: the agent's own environment. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly stopGraceMs: number;
  /** The guard's program; the one beside this file unless given. */
  readonly guardPath?: string;
}

const GUARD_ASK_MS = 500;
const ROTATE_MS = 10_000;
/** Longest path of a socket that every kernel takes. */
const SOCKET_PATH_CHARS_MAX = 107;
const SOCKET_NAME_CHARS = "/g-0123456789ab.sock".length;
/** Longest full path of a state directory. */
export const STATE_DIR_CHARS_MAX = SOCKET_PATH_CHARS_MAX - SOCKET_NAME_CHARS;

const PDEATHSIG = ["setpriv", "--pdeathsig", "KILL", "--"];

/** Runs programs as process groups of this machine (Linux), output to files; see {@link InstanceDriver}. */
export class ProcessDriver implements InstanceDriver {
  readonly #options: ProcessDriverOptions;
  readonly #guardPath: string;
  readonly #logs: LogFiles;
  readonly #ports = new Ports();
  readonly #runs = new Map<number, ProcessRun>();
  /** Guards of survivors, by key. */
  readonly #guards = new Map<string, number>();
  #leash: readonly string[] | undefined;
  #listener: (notice: DriverNotice) => void = () => {};
  #cancelRotate: Cancel = () => {};

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#guardPath = options.guardPath ?? fileURLToPath(new URL("../guard/guard.js", import.meta.url));
    mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
    this.#logs = new LogFiles(options.logDir, options.node, options.logBytesMax);
    this.#rotate();
  }

  onNotice(listener: (notice: DriverNotice) => void): void {
    this.#listener = listener;
  }

  survey(known: readonly KnownProcess[], done: (survivors: readonly Survivor[]) => void): void {
    const { found, guards, guarded } = this.#marked();
    for (const process of known)
      if (isAlive(process) && !found.some(({ pid }) => pid === process.pid)) found.push(process);
    const survivors: Survivor[] = [];
    let waiting = found.length;
    const finish = (): void => {
      // Guards of nothing: they were killed in the middle of starting, or their program has just ended.
      for (const [key, pid] of guards) if (!this.#guards.has(key)) signalGroup(pid, "SIGKILL");
      this.#sweepWhere((key, isGuarded) => isGuarded && !this.#guards.has(key));
      done(survivors);
    };
    const { clock } = this.#options;
    if (waiting === 0) clock.at(clock.nowMs(), finish);
    for (const process of found)
      askGuard(clock, this.#socketOf(process.key), GUARD_ASK_MS, (report) => {
        const { pid, key } = process;
        const isGuarded = report?.pid === pid;
        if (isGuarded) {
          this.#guards.set(key, report.guardPid);
          survivors.push({ ...process, grant: { session: report.session, deadlineMs: report.deadlineMs } });
        } else if (!guarded.has(pid)) survivors.push(process);
        if (--waiting === 0) finish();
      });
  }

  run(request: RunRequest): void {
    const { key } = request;
    const run = this.#create(key, request.run);
    const wanted = request.port;
    if (wanted === "none") return this.#launch(run, request);
    this.#ports.take(wanted, (port) => {
      run.port = port;
      if (port === 0) run.fail("no TCP port is free");
      else this.#launch(run, request);
    });
  }

  adopt(run: number, survivor: Survivor): void {
    const { key, pid, birth, port } = survivor;
    this.#ports.adopt(port);
    const guardPid = this.#guards.get(key);
    const guard = guardPid === undefined ? undefined : { pid: guardPid, socket: this.#socketOf(key) };
    this.#create(key, run).adopt({ pid, birth, port }, guard);
  }

  end(_key: string, run: number, graceMs: number): void {
    this.#runs.get(run)?.end(graceMs);
  }

  renew(_key: string, run: number, grant: Grant): void {
    this.#runs.get(run)?.renew(grant);
  }

  close(): void {
    this.#cancelRotate();
    for (const run of this.#runs.values()) run.close();
    this.#runs.clear();
  }

  #create(key: string, number: number): ProcessRun {
    const run: ProcessRun = new ProcessRun(key, number, {
      clock: this.#options.clock,
      notify: (notice) => this.#listener(notice),
      sweep: () => this.#sweepWhere((each, isGuarded) => isGuarded && each === key),
      onOver: () => {
        this.#ports.release(run.port);
        this.#runs.delete(number);
      },
    });
    this.#runs.set(number, run);
    return run;
  }

  #launch(run: ProcessRun, request: RunRequest): void {
    const { node, stateDir, inherited, stopGraceMs, clock } = this.#options;
    const { key, command, cwd, grant } = request;
    const env = childEnv({ node, mark: stateDir, inherited }, request, run.port);
    const fail = (reason: string): void => void clock.at(clock.nowMs(), () => run.fail(reason));
    if (cwd !== "" && !existsSync(cwd)) return fail(`its directory ${cwd} does not exist`);
    const directory = cwd === "" ? undefined : cwd;
    try {
      this.#logs.withFile(key, (logFd) => {
        const [program = "", ...args] = command;
        if (grant === undefined) return run.launch({ program, args, cwd: directory, env, logFd, socket: undefined });
        const socket = this.#socketOf(key);
        const order: GuardOrder = { socket, command, leash: this.#leashOf(), cwd, ...grant, stopGraceMs };
        const guardEnv = { ...env, [MARK_GUARD]: MARK_IS_GUARD };
        const guardArgs = [this.#guardPath, JSON.stringify(order)];
        run.launch({ program: process.execPath, args: guardArgs, cwd: undefined, env: guardEnv, logFd, socket });
      });
    } catch (error) {
      fail(`cannot be started: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** All group leaders that bear this agent's mark. */
  #marked(): {
    readonly found: KnownProcess[];
    readonly guards: ReadonlyMap<string, number>;
    readonly guarded: ReadonlySet<number>;
  } {
    const found: KnownProcess[] = [];
    const guards = new Map<string, number>();
    const guarded = new Set<number>();
    for (const [{ pid, birth }, env] of groupLeaders()) {
      const key = env.get(MARK_KEY);
      if (env.get(MARK) !== this.#options.stateDir || key === undefined) continue;
      if (env.get(MARK_GUARD) === MARK_IS_GUARD) {
        guards.set(key, pid);
        continue;
      }
      if (env.get(MARK_GUARD) === MARK_GUARDED) guarded.add(pid);
      const [generation, port] = [MARK_GENERATION, MARK_PORT].map((name) => Number(env.get(name) ?? 0) || 0);
      found.push({ key, generation: generation ?? 0, pid, birth, port: port ?? 0 });
    }
    return { found, guards, guarded };
  }

  #sweepWhere(isSwept: (key: string, isGuarded: boolean) => boolean): void {
    const { found, guarded } = this.#marked();
    for (const { key, pid } of found) if (isSwept(key, guarded.has(pid))) signalGroup(pid, "SIGKILL");
  }

  /** Of the instance's guard. Short, as the path of a socket may not be long. */
  #socketOf(key: string): string {
    const name = createHash("sha256").update(key).digest("hex").slice(0, 12);
    return join(this.#options.stateDir, `g-${name}.sock`);
  }

  #leashOf(): readonly string[] {
    const [program = "", ...args] = PDEATHSIG;
    this.#leash ??= spawnSync(program, [...args, "true"]).status === 0 ? PDEATHSIG : [];
    return this.#leash;
  }

  #rotate(): void {
    const { clock } = this.#options;
    for (const { key } of this.#runs.values()) this.#logs.rotate(key);
    this.#cancelRotate = clock.at(clock.nowMs() + ROTATE_MS, () => this.#rotate());
  }
}
