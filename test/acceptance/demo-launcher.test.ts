import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

/** The built program: what `npm start` runs. */
const PROGRAM = fileURLToPath(new URL("../../packages/local-cluster/dist/main.js", import.meta.url));
const UNTIL_MS = 90_000;
const POLL_MS = 100;

interface Status {
  readonly cluster: string;
  readonly coordinator?: string;
  readonly lease?: { readonly epoch: number; readonly holder: string };
  readonly nodes: readonly {
    readonly name: string;
    readonly state: string;
    readonly isOff: boolean;
    readonly services: readonly { readonly key: string; readonly pid: number }[];
  }[];
  readonly instances: readonly {
    readonly id: string;
    readonly node?: string;
    readonly generation: number;
    readonly port: number;
    readonly answers: boolean;
    readonly answerPid: number;
  }[];
}

/** A launcher as a person has it: one in the background, and verbs from other terminals. */
class Launcher {
  readonly dir = mkdtempSync(join(tmpdir(), "halon-start-"));
  readonly #shape: readonly string[];
  #child: ChildProcess | undefined;
  output = "";

  constructor(...shape: readonly string[]) {
    this.#shape = shape;
  }

  async start(...more: readonly string[]): Promise<ChildProcess> {
    const port = await freePort();
    const args = [PROGRAM, "--state-dir", this.dir, "--nats-port", `${port}`, ...this.#shape, ...more];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    this.#child = child;
    return child;
  }

  /** Resolves when all that is declared answers. */
  async ready(): Promise<Status> {
    this.output = "";
    await this.start();
    await this.until("the ready line", () => / {2}ready: open http/.test(this.output) || undefined);
    return this.status();
  }

  run(...args: readonly string[]): { readonly code: number | null; readonly said: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, "--state-dir", this.dir, ...args], {
      encoding: "utf8",
    });
    return { code: status, said: stdout + stderr };
  }

  status(): Status {
    const { code, said } = this.run("status", "--json");
    expect(code, said).toBe(0);
    return JSON.parse(said) as Status;
  }

  async until<Value>(what: string, probe: () => Value | undefined | Promise<Value | undefined>): Promise<Value> {
    for (const deadline = Date.now() + UNTIL_MS; Date.now() < deadline; await wait(POLL_MS)) {
      const value = await probe();
      if (value !== undefined) return value;
    }
    throw new Error(`not within ${UNTIL_MS} ms: ${what}\n${this.output}\n${this.run("status").said}`);
  }

  /** Ends it with a signal; resolves with its exit code. */
  async end(...signals: readonly NodeJS.Signals[]): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error("it does not run");
    this.#child = undefined;
    const closed = child.exitCode === null && child.signalCode === null ? once(child, "close") : undefined;
    for (const signal of signals) child.kill(signal);
    await closed;
    return child.exitCode;
  }

  /** Processes of this cluster that are alive. */
  get processes(): readonly number[] {
    return readdirSync("/proc").flatMap((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, "utf8")
          .split("\0")
          .includes(`LOCAL_CLUSTER_DIR=${this.dir}`);
        const isGone = / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, ""));
        return isOurs && !isGone ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });
  }

  async dispose(): Promise<void> {
    if (this.#child !== undefined) await this.end("SIGKILL");
    for (const pid of this.processes) process.kill(pid, "SIGKILL");
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Below the ports that the system gives out by itself. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
}

const fetchText = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.once("end", () => resolve(text));
    }).once("error", reject);
  });

const isAlive = (pid: number): boolean => {
  try {
    return !/^[ZX]/.test(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, ""));
  } catch {
    return false;
  }
};

describe("npm start on one node of each kind", () => {
  const launcher = new Launcher("--stations", "1", "--satellites", "1", "--users", "1");
  afterAll(() => launcher.dispose());

  it("O1 runs all that examples/cluster.yaml declares, each with its parameters, until Ctrl-C, and leaves nothing", async () => {
    const status = await launcher.ready();
    expect(status.instances.map(({ id }) => id)).toEqual([
      "ticker/0",
      "web/0",
      "web/1",
      "web/2",
      "worker/0",
      "worker/1",
    ]);
    const urlOf = (id: string): string => `http://127.0.0.1:${status.instances.find((each) => each.id === id)?.port}`;
    expect(await fetchText(`${urlOf("web/1")}/`)).toContain("<h1>web/1</h1>");
    expect(JSON.parse(await fetchText(urlOf("worker/1")))).toMatchObject({ instance: "worker/1", shard: "south" });
    expect(JSON.parse(await fetchText(urlOf("worker/0")))).toMatchObject({ shard: "north" });
    // Under npm it comes twice.
    expect(await launcher.end("SIGINT", "SIGINT")).toBe(0);
    expect(launcher.processes).toEqual([]);
  });

  it("R4 resumes the state at the next start, with what ran where it ran", async () => {
    const status = await launcher.ready();
    expect(launcher.output).toContain("resuming cluster");
    expect(status.lease?.epoch).toBeGreaterThan(1);
    expect(status.instances.every(({ answers }) => answers)).toBe(true);
  });

  it("says so when it is started beside itself, and does no harm", async () => {
    const before = launcher.processes;
    const { code, said } = launcher.run();
    expect(code).toBe(1);
    expect(said).toMatch(/a cluster runs here already, started by process \d+/);
    expect(launcher.run("--fresh").code).toBe(1);
    expect(launcher.processes).toEqual(before);
  });

  it("lists the known names when it is told an unknown one, and suggests", () => {
    const { code, said } = launcher.run("kill", "user1");
    expect(code).toBe(1);
    expect(said).toMatch(/unknown target "user1": did you mean "user-1"\?\nKnown: .*web\/0.*coordinator/);
    expect(launcher.run("kil", "user-1")).toMatchObject({
      code: 2,
      said: expect.stringContaining("Did you mean kill?"),
    });
  });

  it("ends what it finds after a launcher was killed", async () => {
    await launcher.end("SIGKILL");
    const left = launcher.processes;
    expect(left.length).toBeGreaterThan(10);
    await launcher.ready();
    expect(launcher.output).toMatch(/ending \d+ processes that an earlier start has left behind/);
    expect(launcher.processes.filter((pid) => left.includes(pid))).toEqual([]);
  });

  it("forgets with --fresh, and stops when another terminal says so", async () => {
    const { cluster } = launcher.status();
    expect(launcher.run("stop")).toMatchObject({ code: 0, said: "stopping\nstopped\n" });
    expect(await launcher.end()).toBe(0);
    expect(launcher.processes).toEqual([]);
    launcher.output = "";
    const child = await launcher.start("--fresh");
    await launcher.until("a new cluster", () => /founded cluster (\S+)/.exec(launcher.output)?.[1]);
    expect(launcher.output).not.toContain(cluster);
    expect(child.exitCode).toBeNull();
    // In the middle of starting.
    expect(await launcher.end("SIGTERM")).toBe(0);
    expect(launcher.processes).toEqual([]);
  });
});

describe("npm start on three stations", () => {
  const launcher = new Launcher("--stations", "3", "--satellites", "1", "--users", "2");
  afterAll(() => launcher.dispose());

  it("R1 replaces a coordinator that is paused, and one that is resumed refuses itself", async () => {
    const before = await launcher.ready();
    const { coordinator, lease } = before;
    const pid = before.nodes
      .find(({ name }) => name === coordinator)
      ?.services.find(({ key }) => key === "coordinator")?.pid;
    expect(pid).toBeGreaterThan(0);
    expect(launcher.run("pause", "coordinator").code).toBe(0);
    const after = await launcher.until("another coordinator", () => {
      const status = launcher.status();
      return status.coordinator !== undefined && (status.lease?.epoch ?? 0) > (lease?.epoch ?? 0) ? status : undefined;
    });
    expect(after.lease?.epoch).toBe((lease?.epoch ?? 0) + 1);
    expect(launcher.run("resume", "coordinator").said).toContain(`resumed ${coordinator}.coordinator`);
    await launcher.until("the old coordinator to end", () => !isAlive(pid ?? 0) || undefined);
    expect(launcher.status().lease).toMatchObject({ epoch: after.lease?.epoch, holder: after.lease?.holder });
  });

  it("keeps a killed node off until it is restarted, its instances run elsewhere", async () => {
    expect(launcher.run("kill", "user-1").said).toContain("stays off until `restart user-1`");
    const moved = await launcher.until("all instances on user-2", () => {
      const status = launcher.status();
      return status.instances.every(({ node, answers }) => node === "user-2" && answers) ? status : undefined;
    });
    expect(moved.nodes.find(({ name }) => name === "user-1")).toMatchObject({ state: "down", isOff: true });
    expect(launcher.run("restart", "user-1").code).toBe(0);
    await launcher.until("user-1 to be up", () =>
      launcher.status().nodes.find(({ name, state }) => name === "user-1" && state === "up"),
    );
  });

  it("A4 an agent that is killed is started again, and its instances have gone on", async () => {
    const before = launcher.status();
    const agentOf = (status: Status): number =>
      status.nodes.find(({ name }) => name === "user-2")?.services.find(({ key }) => key === "agent")?.pid ?? 0;
    expect(launcher.run("kill", "user-2.agent").code).toBe(0);
    const after = await launcher.until("another agent", () => {
      const status = launcher.status();
      return agentOf(status) > 0 && agentOf(status) !== agentOf(before) ? status : undefined;
    });
    const pids = ({ instances }: Status): readonly string[] =>
      instances.flatMap(({ id, answerPid }) => (id.startsWith("ticker") ? [] : [`${id} ${answerPid}`]));
    expect(pids(after)).toEqual(pids(before));
    expect(await launcher.end("SIGHUP")).toBe(0);
    expect(launcher.processes).toEqual([]);
  });
});
