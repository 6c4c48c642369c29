import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NatsServer } from "./nats-server.ts";

const PROGRAM = fileURLToPath(new URL("service-sample.mjs", import.meta.url));
const UNTIL_MS = 60_000;
const POLL_MS = 5;

let server: NatsServer;
let directory: string;
const running = new Set<Sample>();

beforeAll(async () => {
  server = await NatsServer.start();
});
afterAll(() => server?.stop());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "halon-kit-"));
});
afterEach(async () => {
  for (const sample of running) sample.signal("SIGKILL");
  await Promise.all([...running].map(({ ended }) => ended));
  rmSync(directory, { recursive: true, force: true });
});

interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The process under test: the built kit, as a service has it. */
class Sample {
  out = "";
  err = "";
  code: number | null | undefined;
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const common = { PATH: process.env["PATH"] ?? "", HALON_NATS_URL: server.url, HALON_NODE: "user-1" };
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: directory, env: { ...common, ...env } });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((resolve) => child.once("close", (code) => resolve(this.#end(code))));
    running.add(this);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  get lines(): readonly Line[] {
    const whole = this.out.slice(0, this.out.lastIndexOf("\n") + 1);
    return whole.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
  }

  /** Resolves with the first log line whose message begins so. */
  async logs(beginning: string): Promise<Line> {
    for (const deadline = Date.now() + UNTIL_MS; Date.now() < deadline; await wait(POLL_MS)) {
      const line = this.lines.find(({ msg }) => msg.startsWith(beginning));
      if (line !== undefined) return line;
      if (this.code !== undefined) break;
    }
    throw new Error(`no line "${beginning}…"; exit code ${this.code}\n${this.out}\n${this.err}`);
  }

  /** The messages from "stopping" on. */
  get ending(): readonly string[] {
    const messages = this.lines.map(({ msg }) => msg);
    return messages.slice(messages.findIndex((msg) => msg.startsWith("stopping")));
  }

  #end(code: number | null): number | null {
    running.delete(this);
    this.code = code;
    return code;
  }
}

async function ready(...args: string[]): Promise<Sample> {
  const sample = new Sample(args);
  await sample.logs("ready");
  return sample;
}

describe("life of a service", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s: stop hooks in reverse order, transport last, exit 0",
    async (name) => {
      const sample = await ready();
      expect(sample.lines.every((line) => line["service"] === "sample" && line["node"] === "user-1")).toBe(true);
      sample.signal(name);
      expect(await sample.ended).toBe(0);
      expect(sample.ending).toEqual([
        `stopping: ${name}`,
        "the second stops",
        "the first stops, connected: true",
        "stopped",
      ]);
    },
  );

  it("a second signal ends it at once, but not one that comes with the first", async () => {
    const sample = await ready("--behaviour", "stuck");
    sample.signal("SIGINT");
    sample.signal("SIGTERM");
    await sample.logs("stopping");
    for (const deadline = Date.now() + UNTIL_MS; sample.code === undefined && Date.now() < deadline; await wait(100))
      sample.signal("SIGTERM");
    expect(await sample.ended).toBe(143);
    // Signals that are sent together arrive in any order.
    expect(sample.ending).toEqual([
      expect.stringMatching(/^stopping: SIG(INT|TERM)$/),
      "SIGTERM while stopping: exit at once",
    ]);
    const [stoppingMs = 0, atOnceMs = 0] = sample.lines.slice(-2).map(({ time }) => Date.parse(time));
    expect(atOnceMs - stoppingMs).toBeGreaterThan(450);
  });

  it("a stop hook that does not end is named at the deadline", async () => {
    const sample = await ready("--behaviour", "stuck");
    sample.signal("SIGTERM");
    expect(await sample.ended).toBe(1);
    expect(sample.ending).toEqual(["stopping: SIGTERM", "the stuck did not stop within 5000 ms", "stopped"]);
  });

  it("stops of its own accord, with its own exit code", async () => {
    const sample = new Sample(["--behaviour=ends"]);
    expect(await sample.ended).toBe(3);
    expect(sample.ending[0]).toBe("stopping: it was deposed");
  });

  it.each(["throws", "rejects"])(
    "an error that nobody caught (%s) is logged before it ends, exit 1",
    async (behaviour) => {
      const sample = new Sample(["--behaviour", behaviour]);
      expect(await sample.ended).toBe(1);
      const fatal = sample.lines.find(({ level }) => level === "fatal");
      expect(fatal).toMatchObject({
        msg: "uncaught error: nobody caught this",
        err: { message: "nobody caught this" },
      });
    },
  );

  it("an error while starting ends it with 1", async () => {
    const sample = new Sample(["--behaviour=cannot-start"]);
    expect(await sample.ended).toBe(1);
    const fatal = sample.lines.find(({ level }) => level === "fatal");
    expect(fatal?.msg).toBe("cannot start: there is no disk");
  });

  it("writes the fatal line to the log file, and its name to standard error", async () => {
    const sample = new Sample(["--behaviour=throws", "--log-file", "logs/a.log"]);
    expect(await sample.ended).toBe(1);
    expect(readFileSync(join(directory, "logs/a.log"), "utf8")).toContain("uncaught error: nobody caught this");
    expect({ out: sample.out, err: sample.err }).toEqual({ out: "", err: "ended by an error, see logs/a.log\n" });
  });

  it("waits for a broker, says so, and can be stopped meanwhile", async () => {
    const sample = new Sample(["--nats-url=127.0.0.1:1"]);
    expect((await sample.logs("waiting for nats at 127.0.0.1:1")).level).toBe("warn");
    sample.signal("SIGTERM");
    expect(await sample.ended).toBe(0);
    expect(sample.ending).toEqual(["stopping: SIGTERM", "stopped"]);
  });

  it("can be stopped before it is ready", async () => {
    const sample = new Sample(["--behaviour=never-ready"]);
    await sample.logs("connected to nats");
    sample.signal("SIGTERM");
    expect(await sample.ended).toBe(0);
  });
});

describe("command line of a service", () => {
  it("O1: wrong configuration is explained on standard error, all of it, exit 2", async () => {
    writeFileSync(join(directory, "halon.yaml"), "clustr: east\n");
    const sample = new Sample(["--config=halon.yaml", "--behavior=good"], { HALON_LOG_LEVEL: "loud" });
    expect(await sample.ended).toBe(2);
    expect(sample.err.split("\n")).toEqual([
      'sample: halon.yaml:1:1: key "clustr" is unknown: did you mean "cluster"?',
      "sample: flag --behavior is unknown: did you mean --behaviour?",
      'sample: variable HALON_LOG_LEVEL: "loud" given, allowed is one of trace, debug, info, warn, error, fatal',
      "",
    ]);
  });

  it("O1: --help and --version exit 0, without a broker", async () => {
    const help = new Sample(["--help", "--nats-url=127.0.0.1:1"]);
    expect(await help.ended).toBe(0);
    expect(help.out).toContain("HALON_BEHAVIOUR");
    const version = new Sample(["--version"]);
    expect(await version.ended).toBe(0);
    expect(version.out).toMatch(/^sample \d+\.\d+\.\d+\n$/);
  });

  it("a log file that cannot be opened is a mistake", async () => {
    writeFileSync(join(directory, "file"), "");
    const sample = new Sample(["--log-file=file/a.log"]);
    expect(await sample.ended).toBe(2);
    expect(sample.err).toMatch(/^sample: logFile cannot be opened: .*file.*: name one that this user may write to\n$/);
  });

  it("does a command of its own", async () => {
    const sample = new Sample(["init"]);
    expect(await sample.ended).toBe(4);
    expect(sample.out).toBe("init of user-1\n");
  });
});

describe("health of a service", () => {
  async function health(...args: string[]): Promise<{ code: number | null; answer: unknown }> {
    const asker = new Sample(["health", ...args]);
    const code = await asker.ended;
    return { code, answer: JSON.parse(asker.out) };
  }

  it("is asked by its own binary", async () => {
    await ready();
    const { code, answer } = await health();
    expect(code).toBe(0);
    expect(answer).toMatchObject({ healthy: true, phase: "ready", answered: 42, node: "user-1", service: "sample" });
  });

  it("is bad when the service says so, or is not ready", async () => {
    const unwell = await ready("--behaviour=unwell");
    expect(await health()).toMatchObject({ code: 1, answer: { healthy: false, answered: 42 } });
    unwell.signal("SIGKILL");
    await unwell.ended;
    const starting = new Sample(["--behaviour=never-ready"]);
    await starting.logs("connected to nats");
    await expect.poll(() => health(), { timeout: UNTIL_MS }).toMatchObject({ code: 1, answer: { phase: "starting" } });
  });

  it("is bad where nobody runs, or no broker", async () => {
    expect(await health("--node=user-2")).toEqual({
      code: 1,
      answer: {
        healthy: false,
        node: "user-2",
        service: "sample",
        why: "nobody answers for it in cluster halon: it is not running, or not connected",
      },
    });
    const { code, answer } = await health("--nats-url=127.0.0.1:1");
    expect(code).toBe(1);
    expect(answer).toMatchObject({ healthy: false, why: expect.stringContaining("no NATS server at 127.0.0.1:1") });
  });
});
