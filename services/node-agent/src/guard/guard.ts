import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import {
  EXIT_CODE_FENCED,
  EXIT_CODE_NO_PROGRAM,
  EXIT_CODE_REFUSED,
  EXIT_CODE_SIGNAL,
  type GuardOrder,
  type GuardRenewal,
  type GuardReport,
  MARK_GUARD,
  MARK_GUARDED,
} from "./protocol.ts";

// The process that stands between an exclusive instance and the time after its right to run: runs the program as a
// process group of its own, kills the whole group when the deadline passes, and lets only its agent move the deadline.

/** The clock that all processes of one machine share; see `systemClock` of the runtime. */
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const order = JSON.parse(process.argv[2] ?? "{}") as GuardOrder;
let { session, deadlineMs } = order;
let child: ChildProcess | undefined;
let isFenced = false;
let alarm: NodeJS.Timeout | undefined;
/** The agent, a later one, and who looks. */
const CONNECTIONS_MAX = 8;
/** Tries at the socket, should another guard come and go meanwhile. */
const CLAIMS_MAX = 3;
const agents = new Set<Socket>();

const signal = (name: NodeJS.Signals): void => {
  try {
    if (child?.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // Nothing is left of the group.
  }
};

function watch(): void {
  clearTimeout(alarm);
  const leftMs = deadlineMs - nowMs();
  if (leftMs > 0) {
    alarm = setTimeout(watch, Math.ceil(leftMs));
    return;
  }
  isFenced = true;
  signal("SIGKILL");
}

function report(agent: Socket): void {
  const { pid } = child ?? {};
  const said: GuardReport = { pid: pid ?? 0, guardPid: process.pid, session, deadlineMs };
  if (pid !== undefined) agent.write(`${JSON.stringify(said)}\n`);
}

/** A deadline that has passed cannot be moved any more; one that lies further stays. */
function renew(renewal: GuardRenewal): void {
  if (isFenced || nowMs() >= deadlineMs || !(renewal.deadlineMs > deadlineMs)) return;
  ({ session, deadlineMs } = renewal);
  watch();
}

function onAgent(agent: Socket): void {
  agents.add(agent);
  agent.on("error", () => agent.destroy()).on("close", () => agents.delete(agent));
  report(agent);
  createInterface({ input: agent }).on("line", (line) => {
    try {
      renew(JSON.parse(line) as GuardRenewal);
    } catch {
      agent.destroy();
    }
  });
}

function exit(code: number): never {
  // What the program has left behind goes with it.
  signal("SIGKILL");
  rmSync(order.socket, { force: true });
  process.exit(code);
}

const signalled = (name: NodeJS.Signals | null): number =>
  EXIT_CODE_SIGNAL + (name === null ? 0 : constants.signals[name]);

function run(): void {
  if (nowMs() >= deadlineMs) exit(EXIT_CODE_REFUSED);
  const [program = "", ...args] = [...order.leash, ...order.command];
  const env = { ...process.env, [MARK_GUARD]: MARK_GUARDED };
  child = spawn(program, args, { cwd: order.cwd || undefined, env, detached: true, stdio: "inherit" });
  child.once("error", (error) => {
    process.stderr.write(`cannot run ${program}: ${error.message}\n`);
    exit(EXIT_CODE_NO_PROGRAM);
  });
  child.once("exit", (code, name) => exit(isFenced ? EXIT_CODE_FENCED : (code ?? signalled(name))));
  child.once("spawn", () => agents.forEach(report));
  watch();
}

let isStopping = false;
function stop(): void {
  if (child === undefined) process.exit(0);
  if (isStopping) return;
  isStopping = true;
  signal("SIGTERM");
  setTimeout(() => signal("SIGKILL"), order.stopGraceMs);
}
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, stop);

/** Whoever listens on the socket is the instance's one guard. */
function claim(tries: number): void {
  const server = createServer(onAgent);
  server.once("error", () => {
    if (tries === 0) process.exit(EXIT_CODE_REFUSED);
    const other = connect(order.socket);
    other.once("connect", () => process.exit(EXIT_CODE_REFUSED));
    other.once("error", () => {
      rmSync(order.socket, { force: true });
      claim(tries - 1);
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(order.socket, run);
}
claim(CLAIMS_MAX);
