import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, type Logger } from "../src/index.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "halon-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (secrets: readonly string[] = []): Logger =>
  createLogger({
    service: "monitor",
    node: "user-1",
    level: "info",
    secrets,
    file: { path: join(directory, "a.log"), bytesMax: 1024 * 1024, oldFilesMax: 1 },
  });

function lines(): readonly Record<string, unknown>[] {
  const text = readFileSync(join(directory, "a.log"), "utf8");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

async function logged(
  write: (log: Logger) => void,
  secrets?: readonly string[],
): Promise<readonly Record<string, unknown>[]> {
  const log = open(secrets);
  write(log);
  await new Promise<void>((done) => log.flush(() => done()));
  return lines();
}

describe("logger", () => {
  it("says in each line when, where and how important it is", async () => {
    const [line] = await logged((log) => log.child({ event: "p/1/7", epoch: 3 }).warn({ leaseMs: 600 }, "late"));
    const { time, ...rest } = line ?? {};
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rest).toEqual({
      level: "warn",
      service: "monitor",
      node: "user-1",
      pid: process.pid,
      event: "p/1/7",
      epoch: 3,
      leaseMs: 600,
      msg: "late",
    });
  });

  it("leaves out what is less important than its level", async () => {
    expect(await logged((log) => log.debug("chatter"))).toEqual([]);
  });

  it("has written a fatal line when the call returns", () => {
    const log = open();
    for (let n = 0; n < 100; n++) log.info(`before ${n}`);
    log.fatal({ err: new Error("broken", { cause: new Error("root") }) }, "ends");
    expect(lines().map(({ msg }) => msg)).toEqual([...Array.from({ length: 100 }, (_, n) => `before ${n}`), "ends"]);
    expect(lines().at(-1)).toMatchObject({ level: "fatal", err: { type: "Error", message: "broken: root" } });
  });

  it("hides credentials wherever they stand", async () => {
    const secret = 'p"ss\\word';
    const hidden = await logged(
      (log) => {
        log.info({ password: "hunter2", deep: { er: { Token: 'hunter2 " hunter2', kept: 1 } } }, "of keys");
        log.error({ err: new Error("cannot reach nats://root:hunter2@host:4222/x") }, "at nats://root:hunter2@host");
        log.info({ given: secret }, `given ${secret}`);
      },
      [secret, ""],
    );
    const texts = hidden.map((line) => JSON.stringify(line));
    expect(texts).toHaveLength(3);
    for (const text of texts) {
      expect(text).toContain("[hidden]");
      expect(text).not.toContain("hunter2");
      expect(text).not.toContain("ss\\\\\\\\word");
    }
    expect(texts[0]).toContain('"kept":1');
    expect(texts[1]).toContain("nats://[hidden]@host:4222/x");
  });

  it("refuses a file that cannot be opened", () => {
    const file = { path: join(directory, "a.log", "b.log"), bytesMax: 1024 * 1024, oldFilesMax: 1 };
    open();
    expect(() => createLogger({ service: "s", node: "n", level: "info", file })).toThrow(/ENOTDIR|EEXIST/);
  });
});
