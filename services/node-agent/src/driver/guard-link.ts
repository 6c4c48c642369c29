import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Cancel, Clock } from "@halon/runtime";
import type { GuardRenewal, GuardReport } from "../guard/protocol.ts";

const CONNECT_AGAIN_MS = 20;

export interface GuardLinkPorts {
  readonly clock: Clock;
  readonly socket: string;
  readonly onReport: (report: GuardReport) => void;
}

/** The agent's line to one guard. Reconnects until closed; the newest renewal is said again after that. */
export class GuardLink {
  readonly #ports: GuardLinkPorts;
  #socket: Socket | undefined;
  #isUp = false;
  #isClosed = false;
  #renewal: GuardRenewal | undefined;
  #cancel: Cancel = () => {};

  constructor(ports: GuardLinkPorts) {
    this.#ports = ports;
    this.#connect();
  }

  renew(renewal: GuardRenewal): void {
    this.#renewal = renewal;
    if (this.#isUp) this.#say(renewal);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#socket?.destroy();
  }

  #say(renewal: GuardRenewal): void {
    this.#socket?.write(`${JSON.stringify(renewal)}\n`);
  }

  #connect(): void {
    const socket = connect(this.#ports.socket);
    this.#socket = socket;
    socket.on("error", () => socket.destroy());
    socket.once("connect", () => {
      this.#isUp = true;
      if (this.#renewal !== undefined) this.#say(this.#renewal);
    });
    socket.once("close", () => {
      this.#isUp = false;
      const { clock } = this.#ports;
      if (!this.#isClosed) this.#cancel = clock.at(clock.nowMs() + CONNECT_AGAIN_MS, () => this.#connect());
    });
    createInterface({ input: socket })
      .on("line", (line) => {
        const report = parseReport(line);
        if (report === undefined) socket.destroy();
        else if (!this.#isClosed) this.#ports.onReport(report);
      })
      .on("error", () => {});
  }
}

/** One line of a guard, or `undefined` when it is none. */
function parseReport(line: string): GuardReport | undefined {
  try {
    const { pid, guardPid, session, deadlineMs } = JSON.parse(line) as GuardReport;
    const isWhole = [pid, guardPid, session, deadlineMs].every((value) => Number.isFinite(value)) && pid > 0;
    return isWhole ? { pid, guardPid, session, deadlineMs } : undefined;
  } catch {
    return undefined;
  }
}

/** Asks a guard once. `done(undefined)` when none listens, or none answers in time. */
export function askGuard(
  clock: Clock,
  path: string,
  timeoutMs: number,
  done: (report: GuardReport | undefined) => void,
): void {
  let isDone = false;
  const socket = connect(path);
  const finish = (report: GuardReport | undefined): void => {
    if (isDone) return;
    isDone = true;
    cancel();
    socket.destroy();
    done(report);
  };
  const cancel = clock.at(clock.nowMs() + timeoutMs, () => finish(undefined));
  socket.once("error", () => finish(undefined)).once("close", () => finish(undefined));
  createInterface({ input: socket })
    .on("line", (line) => finish(parseReport(line)))
    .on("error", () => {});
}
