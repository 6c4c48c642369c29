import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { type DriverNotice, ProcessDriver, type RunRequest, StateFile, type Survivor } from "@halon/node-agent";
import { systemClock } from "@halon/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const PROGRAM = join(import.meta.dirname, "node-agent-program.mjs");
const AGENT = join(import.meta.dirname, "node-agent-process.mjs");
const GUARD = join(import.meta.dirname, "../../services/node-agent/dist/guard/guard.js");
const UNTIL_MS = 60_000;
const LONG_MS = 600_000;
const BOUND_MS = 4_000;

let dir: string;
const started: ChildProcess[] = [];
const drivers: ProcessDriver[] = [];
const pids = new Set<number>();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-agent-"));
});
afterEach(() => {
  for (const driver of drivers.splice(0)) driver.close();
  for (const child of started.splice(0)) child.kill("SIGKILL");
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  pids.clear();
  rmSync(dir, { recursive: true, force: true });
});

async function until<Value>(what: string, find: () => Value | undefined | false): Promise<Value> {
  const deadline = Date.now() + UNTIL_MS;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not after ${UNTIL_MS} ms`);
    await wait(5);
  }
}

/** Alive, and not only waiting for its parent to take note of its end. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return false;
  }
}

interface Said {
  readonly pid: number;
  readonly child: number;
  readonly instance: string;
  readonly token: string;
  readonly colour?: string;
}

/** What the program has said in its log, each start a line. */
function said(path: string): readonly Said[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  const all = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Said);
  for (const { pid, child } of all) pids.add(pid).add(child);
  return all;
}

const specOf = (instance: string, exclusive: boolean) => ({
  ...{ instance, service: "s", generation: 1, command: [process.execPath, PROGRAM], env: {}, exclusive },
  ...{ restartsMax: 3, restartWindowMs: 60_000, cwd: "" },
});

interface Status {
  readonly isWelcomed: boolean;
  readonly instances: readonly { readonly instance: string; readonly state: string; readonly pid: number }[];
}

class AgentLife {
  readonly process: ChildProcess;
  status: Status | undefined;

  constructor(session: number, specs: readonly object[], boundMs: number) {
    this.process = spawn(process.execPath, [AGENT, dir, String(session), JSON.stringify(specs), String(boundMs)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    started.push(this.process);
    if (this.process.stdout !== null)
      createInterface({ input: this.process.stdout }).on("line", (line) => {
        this.status = JSON.parse(line) as Status;
      });
  }

  pidOf(instance: string): number | undefined {
    const found = this.status?.instances.find((each) => each.instance === instance && each.state === "running");
    return found?.pid;
  }

  running(instance: string): Promise<number> {
    return until(`${instance} runs`, () => this.pidOf(instance));
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await until("the agent is dead", () => this.process.signalCode !== null);
  }
}

const logOf = (instance: string): string => join(dir, "log", `n1.${instance.replace("/", ".")}.log`);

describe("an agent on real processes", () => {
  const specs = [specOf("web/0", false), specOf("one/0", true)];

  it("A4 is killed with -9 and comes back within the bound: all goes on, and is adopted", async () => {
    const first = new AgentLife(1, specs, LONG_MS);
    const before = [await first.running("web/0"), await first.running("one/0")];
    await first.kill();
    const second = new AgentLife(2, specs, LONG_MS);
    const after = [await second.running("web/0"), await second.running("one/0")];
    expect(after).toEqual(before);
    await until("it is welcomed", () => second.status?.isWelcomed);
    expect(said(logOf("web/0"))).toHaveLength(1);
    expect(said(logOf("one/0"))).toMatchObject([{ instance: "one/0", token: "1" }]);

    process.kill(before[0] as number, "SIGKILL");
    await until("an adopted one is restarted", () => said(logOf("web/0")).length === 2);
    second.process.kill("SIGTERM");
    await until("the agent has ended", () => second.process.exitCode === 0);
    const all = [...said(logOf("web/0")), ...said(logOf("one/0"))].flatMap(({ pid, child }) => [pid, child]);
    expect(all.filter(isAlive), "nothing stays behind").toEqual([]);
  });

  it("A4 is killed with -9 and stays away: the guard ends the exclusive one with its children, the other goes on", async () => {
    const first = new AgentLife(1, specs, BOUND_MS);
    await first.running("web/0");
    await first.running("one/0");
    const [one] = await until("it has said its pids", () => said(logOf("one/0")).length > 0 && said(logOf("one/0")));
    const [web] = await until("it has said its pids", () => said(logOf("web/0")).length > 0 && said(logOf("web/0")));
    await first.kill();
    expect(isAlive(one?.pid ?? 0)).toBe(true);
    await until("the guard has killed the group", () => !isAlive(one?.pid ?? 0) && !isAlive(one?.child ?? 0));
    expect([web?.pid, web?.child].map((pid) => isAlive(pid ?? 0))).toEqual([true, true]);
    const second = new AgentLife(2, specs, BOUND_MS);
    await second.running("one/0");
    expect(await second.running("web/0")).toBe(web?.pid);
    expect(said(logOf("one/0"))).toHaveLength(2);
  });
});

describe("the process driver", () => {
  function open(): { readonly driver: ProcessDriver; readonly notices: DriverNotice[] } {
    const inherited = { ...process.env, HALON_LOG_FILE: "the agent's own" };
    const driver = new ProcessDriver({
      ...{ clock: systemClock, node: "n1", stateDir: join(dir, "state"), logDir: join(dir, "log") },
      ...{ logBytesMax: 2 ** 20, inherited, stopGraceMs: 300, guardPath: GUARD },
    });
    drivers.push(driver);
    const notices: DriverNotice[] = [];
    driver.onNotice((notice) => {
      notices.push(notice);
      if (notice.kind === "started") pids.add(notice.process.pid);
    });
    return { driver, notices };
  }
  const requestOf = (run: number, more: Partial<RunRequest> = {}): RunRequest => ({
    ...{ key: "web/0", run, generation: 4, command: [process.execPath, PROGRAM], env: { COLOUR: "red" }, cwd: "" },
    ...{ port: 0, ...more },
  });
  const noticed = <Kind extends DriverNotice["kind"]>(notices: readonly DriverNotice[], kind: Kind) =>
    until(
      kind,
      () => notices.find((notice) => notice.kind === kind) as Extract<DriverNotice, { kind: Kind }> | undefined,
    );
  const grant = (leftMs: number) => ({ session: 1, deadlineMs: systemClock.nowMs() + leftMs });
  const survey = (driver: ProcessDriver): Promise<readonly Survivor[]> =>
    new Promise((resolve) => driver.survey([], resolve));

  it("runs a program with what it is to know, and ends its whole group when it does not want to", async () => {
    const { driver, notices } = open();
    driver.run(requestOf(1, { command: [process.execPath, PROGRAM, "ignore"] }));
    await noticed(notices, "answering");
    const [{ pid, child, ...facts } = { pid: 0, child: 0 }] = said(logOf("web/0"));
    expect(facts).toEqual({ instance: "web/0", token: "4", colour: "red" });
    driver.end("web/0", 1, 50);
    expect(await noticed(notices, "exited")).toMatchObject({ run: 1, reason: "was killed by SIGKILL" });
    expect([pid, child].map(isAlive)).toEqual([false, false]);
  });

  it("gives a port back to its instance, and another one where it is taken", async () => {
    const { driver, notices } = open();
    driver.run(requestOf(1));
    const { port } = (await noticed(notices, "started")).process;
    driver.end("web/0", 1, 0);
    await noticed(notices, "exited");
    notices.length = 0;
    driver.run(requestOf(2, { port }));
    expect((await noticed(notices, "started")).process.port).toBe(port);
    notices.length = 0;
    driver.run(requestOf(3, { key: "web/1", port }));
    expect((await noticed(notices, "started")).process.port).not.toBe(port);
  });

  it.each([
    ["a program that is not there", { command: ["/nowhere/program"] }, "cannot run /nowhere/program"],
    ["a directory that is not there", { cwd: "/nowhere" }, "its directory /nowhere does not exist"],
    ["one that fails", { command: ["sh", "-c", "exit 3"] }, "exited with code 3"],
    ["a guarded one that is not there", { command: ["/nowhere/program"], grant: true }, "cannot be run, see its log"],
    ["a guarded one that fails", { command: ["sh", "-c", "exit 3"], grant: true }, "exited with code 3"],
  ])(
    "says what became of %s",
    async (_what, { grant: isGuarded, ...more }: Partial<Omit<RunRequest, "grant">> & { grant?: boolean }, reason) => {
      const { driver, notices } = open();
      driver.run(requestOf(1, { ...more, ...(isGuarded === true ? { grant: grant(LONG_MS) } : {}) }));
      expect((await noticed(notices, "exited")).reason).toContain(reason);
    },
  );

  it("finds again what runs, guarded or not, and ends what a guard that was killed has left", async () => {
    const first = open();
    first.driver.run(requestOf(1));
    first.driver.run(requestOf(2, { key: "one/0", grant: grant(LONG_MS) }));
    first.driver.run(requestOf(3, { key: "own", port: "none", command: ["sleep", "1000"] }));
    await until("all run", () => first.notices.filter(({ kind }) => kind === "answering").length === 3);
    first.driver.close();

    const second = open();
    const survivors = await survey(second.driver);
    const found = survivors.map(
      ({ key, generation, grant: held }) => `${key} g${generation} ${held?.session ?? "free"}`,
    );
    expect(new Set(found)).toEqual(new Set(["one/0 g4 1", "own g4 free", "web/0 g4 free"]));
    const one = survivors.find(({ key }) => key === "one/0") as Survivor;
    for (const [at, survivor] of survivors.entries()) second.driver.adopt(10 + at, survivor);
    for (const [at, { key }] of survivors.entries()) if (key !== "one/0") second.driver.end(key, 10 + at, 0);
    await until("two have ended", () => second.notices.filter(({ kind }) => kind === "exited").length === 2);

    const parent = Number(readFileSync(`/proc/${one.pid}/stat`, "latin1").split(") ")[1]?.split(" ")[1]);
    process.kill(parent, "SIGKILL");
    const [{ child } = { child: 0 }] = said(logOf("one/0"));
    await until("the third has ended", () => second.notices.filter(({ kind }) => kind === "exited").length === 3);
    expect([one.pid, child].map(isAlive)).toEqual([false, false]);
    expect(await survey(open().driver)).toEqual([]);
  });

  it("kills the group when its own guard is killed", async () => {
    const { driver, notices } = open();
    driver.run(requestOf(1, { key: "one/0", grant: grant(LONG_MS) }));
    const { pid } = (await noticed(notices, "started")).process;
    await noticed(notices, "answering");
    const [{ child } = { child: 0 }] = said(logOf("one/0"));
    const parent = Number(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[1]);
    process.kill(parent, "SIGKILL");
    expect((await noticed(notices, "exited")).reason).toBe("its guard was killed by SIGKILL");
    expect([pid, child].map(isAlive)).toEqual([false, false]);
  });

  it("moves the deadline of a guarded one as long as it renews, and no longer", async () => {
    const { driver, notices } = open();
    const firstGrant = grant(3_000);
    driver.run(requestOf(1, { key: "one/0", grant: firstGrant }));
    await noticed(notices, "started");
    driver.renew("one/0", 1, { session: 1, deadlineMs: firstGrant.deadlineMs + 1_000 });
    const exited = await noticed(notices, "exited");
    expect(exited.reason).toBe("its right to run has passed");
    expect(systemClock.nowMs()).toBeGreaterThan(firstGrant.deadlineMs + 1_000);
  });
});

describe("a guard", () => {
  const socketPath = (): string => join(dir, "g.sock");
  function guard(leftMs: number, args: readonly string[] = []): ChildProcess {
    const order = {
      ...{ socket: socketPath(), leash: [], command: [process.execPath, PROGRAM, ...args], cwd: "", session: 1 },
      ...{ deadlineMs: systemClock.nowMs() + leftMs, stopGraceMs: 100 },
    };
    const log = join(dir, "guard.log");
    const child = spawn(
      "sh",
      ["-c", `exec "$0" "$1" "$2" >>"$3" 2>&1`, process.execPath, GUARD, JSON.stringify(order), log],
      {
        stdio: "ignore",
        env: { ...process.env, PORT: "0" },
      },
    );
    started.push(child);
    return child;
  }
  const program = (): Promise<Said> => until("the program has said its pids", () => said(join(dir, "guard.log"))[0]);
  const code = (child: ChildProcess): Promise<number> => until("the guard exits", () => child.exitCode ?? undefined);

  it("kills the whole group when the deadline passes, children included", async () => {
    const child = guard(4_000, ["ignore"]);
    const { pid, child: grandchild } = await program();
    expect(await code(child)).toBe(124);
    expect([pid, grandchild].map(isAlive)).toEqual([false, false]);
  });

  it("ends its program when asked to, by force after the grace, whatever signal asks", async () => {
    const child = guard(LONG_MS, ["ignore"]);
    const { pid, child: grandchild } = await program();
    child.kill("SIGHUP");
    expect(await code(child)).toBe(128 + 9);
    expect([pid, grandchild].map(isAlive)).toEqual([false, false]);
  });

  it("starts nothing after its deadline, nor beside a guard that lives", async () => {
    expect(await code(guard(-1))).toBe(125);
    const first = guard(LONG_MS);
    await program();
    expect(await code(guard(LONG_MS))).toBe(125);
    expect(said(join(dir, "guard.log"))).toHaveLength(1);
    first.kill("SIGTERM");
    await code(first);
  });

  it("takes no renewal that comes too late, or that shortens", async () => {
    const child = guard(LONG_MS);
    const { pid } = await program();
    const socket = connect(socketPath());
    const reports: { readonly pid: number; readonly deadlineMs: number }[] = [];
    createInterface({ input: socket }).on("line", (line) => reports.push(JSON.parse(line)));
    const [report] = await until("it reports", () => reports.length > 0 && reports);
    expect(report?.pid).toBe(pid);
    socket.write(`${JSON.stringify({ session: 1, deadlineMs: 1 })}\nnonsense\n`);
    await until("it hangs up on nonsense", () => socket.closed);
    expect(isAlive(pid)).toBe(true);
    child.kill("SIGTERM");
    await code(child);
  });
});

describe("the state file", () => {
  it("replaces its content whole, the newest of those that wait", async () => {
    const path = join(dir, "agent.json");
    const store = new StateFile({ clock: systemClock, path, onFailure: () => {} });
    expect(store.load()).toBeUndefined();
    const done: number[] = [];
    for (const each of [1, 2, 3]) store.save(Buffer.from(`content ${each}`), () => done.push(each));
    await until("all are durable", () => done.length === 3);
    expect(done).toEqual([1, 2, 3]);
    expect(Buffer.from(store.load() ?? []).toString()).toBe("content 3");
  });

  it("tries again what could not be written", async () => {
    const path = join(dir, "later", "agent.json");
    const failures: Error[] = [];
    const store = new StateFile({ clock: systemClock, path, onFailure: (error) => failures.push(error) });
    let isDone = false;
    store.save(Buffer.from("x"), () => {
      isDone = true;
    });
    await until("it fails", () => failures.length > 0);
    expect(isDone).toBe(false);
    mkdirSync(join(dir, "later"));
    await until("it is written", () => isDone);
    writeFileSync(path, "y");
    expect(Buffer.from(store.load() ?? []).toString()).toBe("y");
  });
});
