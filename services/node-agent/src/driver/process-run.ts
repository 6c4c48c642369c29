import { type ChildProcess, spawn } from "node:child_process";
import type { Cancel, Clock } from "@halon/runtime";
import { EXIT_CODE_FENCED, EXIT_CODE_NO_PROGRAM, EXIT_CODE_REFUSED, EXIT_CODE_SIGNAL } from "../guard/protocol.ts";
import type { DriverNotice, Grant, ProcessIdentity } from "../instance-driver.ts";
import { probeAnswer } from "./answer-probe.ts";
import { GuardLink } from "./guard-link.ts";
import { isAlive, isGroupAlive, signalGroup, statOf } from "./process-table.ts";

/** How often processes that are not our children are looked at. */
const POLL_MS = 200;
/** And a group that has been killed. */
const GONE_POLL_MS = 10;

export interface RunPorts {
  readonly clock: Clock;
  readonly notify: (notice: DriverNotice) => void;
  /** Kills what the run may have started without a word about it. */
  readonly sweep: () => void;
  /** Nothing is left of it. */
  readonly onOver: () => void;
}

/** What is to be executed, readily made. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly logFd: number;
  /** Of its guard, when `program` is one. */
  readonly socket: string | undefined;
}

/** One process group, from its start or adoption until nothing is left of it. */
export class ProcessRun {
  readonly key: string;
  /** Port that is taken for it, 0 for none. */
  port = 0;
  readonly #run: number;
  readonly #ports: RunPorts;
  #identity: ProcessIdentity | undefined;
  /** Child of ours: the program, or its guard. */
  #child: ChildProcess | undefined;
  #guardPid: number | undefined;
  #link: GuardLink | undefined;
  #isEnding = false;
  #isOver = false;
  #cancelProbe: Cancel = () => {};
  #cancelPoll: Cancel = () => {};
  #cancelKill: Cancel = () => {};

  constructor(key: string, run: number, ports: RunPorts) {
    this.key = key;
    this.#run = run;
    this.#ports = ports;
  }

  launch({ program, args, cwd, env, logFd, socket }: Launch): void {
    const { port } = this;
    if (this.#isEnding) return this.#finish("it was stopped before it started");
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", logFd, logFd] });
    this.#child = child;
    child.once("error", (error) => this.#finish(`cannot run ${program}: ${error.message}`));
    child.once("exit", (code, signal) => this.#onChildExit(code, signal, socket !== undefined));
    if (socket === undefined) {
      const { pid } = child;
      if (pid !== undefined) child.once("spawn", () => this.#started(pid, port));
      return;
    }
    this.#linkTo(socket, port);
  }

  /** A process that an earlier life of the agent has started. */
  adopt(identity: ProcessIdentity, guard: { readonly pid: number; readonly socket: string } | undefined): void {
    this.#identity = identity;
    this.port = identity.port;
    this.#guardPid = guard?.pid;
    if (guard !== undefined) this.#linkTo(guard.socket, identity.port);
    this.#probe(identity.port);
    this.#poll();
  }

  fail(reason: string): void {
    this.#finish(reason);
  }

  renew(grant: Grant): void {
    this.#link?.renew(grant);
  }

  end(graceMs: number): void {
    this.#isEnding = true;
    const { clock } = this.#ports;
    const pid = this.#identity?.pid;
    this.#cancelKill();
    // What has not started yet ends by not being started; a guard that has not said what it guards, by force.
    if (pid === undefined) this.#child?.kill("SIGKILL");
    else if (graceMs === 0) signalGroup(pid, "SIGKILL");
    else {
      signalGroup(pid, "SIGTERM");
      this.#cancelKill = clock.at(clock.nowMs() + graceMs, () => signalGroup(pid, "SIGKILL"));
    }
  }

  /** Watches no more. */
  close(): void {
    this.#isOver = true;
    for (const cancel of [this.#cancelProbe, this.#cancelPoll, this.#cancelKill]) cancel();
    this.#link?.close();
    this.#child?.removeAllListeners().unref();
  }

  #linkTo(socket: string, port: number): void {
    const onReport = ({ pid, guardPid }: { readonly pid: number; readonly guardPid: number }): void => {
      this.#guardPid = guardPid;
      if (this.#identity === undefined) this.#started(pid, port);
    };
    this.#link = new GuardLink({ clock: this.#ports.clock, socket, onReport });
  }

  #started(pid: number, port: number): void {
    if (this.#isOver) return;
    const process = { pid, birth: statOf(pid)?.birth ?? "gone", port };
    this.#identity = process;
    this.#ports.notify({ kind: "started", key: this.key, run: this.#run, process });
    if (this.#isEnding) signalGroup(pid, "SIGKILL");
    this.#probe(port);
  }

  #probe(port: number): void {
    const { clock, notify } = this.#ports;
    this.#cancelProbe = probeAnswer(clock, port, () => notify({ kind: "answering", key: this.key, run: this.#run }));
  }

  #onChildExit(code: number | null, signal: NodeJS.Signals | null, isGuard: boolean): void {
    if (signal !== null && isGuard) this.#ports.sweep();
    this.#finish(isGuard ? guardReason(code, signal) : programReason(code, signal));
  }

  /** For processes that are not our children. */
  #poll(): void {
    const { clock } = this.#ports;
    const isGuardGone = this.#guardPid !== undefined && statOf(this.#guardPid) === undefined;
    if (this.#identity === undefined || !isAlive(this.#identity)) this.#finish("it ended, its exit code is unknown");
    else if (isGuardGone) this.#finish("its guard was killed");
    else this.#cancelPoll = clock.at(clock.nowMs() + POLL_MS, () => this.#poll());
  }

  /** Its leader has ended, or must: what is left of the group goes too, and only then it is over. */
  #finish(reason: string): void {
    if (this.#isOver) return;
    const { clock, notify, onOver } = this.#ports;
    this.#cancelProbe();
    this.#cancelKill();
    const pid = this.#identity?.pid;
    const isLeft = pid !== undefined && isGroupAlive(pid);
    if (isLeft) signalGroup(pid, "SIGKILL");
    const isGuardLeft =
      this.#child === undefined && this.#guardPid !== undefined && statOf(this.#guardPid) !== undefined;
    if (isLeft || isGuardLeft) {
      this.#cancelPoll = clock.at(clock.nowMs() + GONE_POLL_MS, () => this.#finish(reason));
      return;
    }
    this.#isOver = true;
    this.#link?.close();
    onOver();
    notify({ kind: "exited", key: this.key, run: this.#run, reason });
  }
}

const programReason = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exited with code ${code}` : `was killed by ${signal}`;

function guardReason(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `its guard was killed by ${signal}`;
  if (code === EXIT_CODE_FENCED) return "its right to run has passed";
  if (code === EXIT_CODE_NO_PROGRAM) return "cannot be run, see its log";
  if (code === EXIT_CODE_REFUSED) return "its guard refused: another one is alive, or its right has passed";
  const isSignal = code !== null && code > EXIT_CODE_SIGNAL;
  return isSignal ? `was killed by signal ${code - EXIT_CODE_SIGNAL}` : programReason(code, signal);
}
