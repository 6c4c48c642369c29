import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Foundation, forget, openFoundation } from "../src/founding.ts";
import { lockHolder, takeLock } from "../src/lock.ts";
import { follow, tailOf } from "../src/log-tail.ts";
import { isAlive, marksOf, ownId, statOf } from "../src/process-table.ts";
import { readSpec } from "../src/spec-file.ts";
import { stateDirAt } from "../src/state-dir.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-local-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("the lock of a state directory", () => {
  const path = (): string => join(dir, "state", "lock");

  it("is one launcher's at a time, and free again after it", () => {
    const first = takeLock(path());
    expect(first.kind).toBe("taken");
    expect(takeLock(path())).toEqual({ kind: "held", holder: ownId() });
    expect(lockHolder(path())).toEqual(ownId());
    if (first.kind === "taken") first.release();
    expect(lockHolder(path())).toBeUndefined();
    expect(takeLock(path()).kind).toBe("taken");
  });

  it.each([
    ["a launcher that has died", () => JSON.stringify({ pid: spawnSync("true").pid, birth: "x-1" })],
    ["one whose pid another process has got", () => JSON.stringify({ ...ownId(), birth: "another" })],
    ["nobody: it is damaged", () => "{"],
  ])("is taken from %s", (_, content) => {
    mkdirSync(join(dir, "state"));
    writeFileSync(path(), content());
    expect(takeLock(path()).kind).toBe("taken");
    expect(readdirSync(join(dir, "state"))).toEqual(["lock"]);
  });
});

describe("the foundation of a cluster", () => {
  const founded: string[] = [];
  const found = async (station: string, { clusterId }: Foundation): Promise<void> => {
    founded.push(`${station} ${clusterId}`);
    mkdirSync(stateDirAt(dir).station(station), { recursive: true });
    writeFileSync(join(stateDirAt(dir).station(station), "identity.json"), "{}");
  };
  const refuse = (): Promise<void> => Promise.reject(new Error("it must not be founded"));
  beforeEach(() => {
    founded.length = 0;
  });

  it("is laid once, for all stations under one id, and resumed after that", async () => {
    const first = await openFoundation(stateDirAt(dir), { stations: 3 }, found);
    expect(first).toMatchObject({ isNew: true, shape: { stations: 3, satellites: 2, users: 4 } });
    expect(founded.sort()).toEqual([1, 2, 3].map((at) => `station-${at} ${first.clusterId}`));
    const again = await openFoundation(stateDirAt(dir), { users: 1 }, refuse);
    expect(again).toEqual({ ...first, isNew: false, shape: { stations: 3, satellites: 2, users: 1 } });
    expect((await openFoundation(stateDirAt(dir), {}, refuse)).shape.users, "as it was last").toBe(1);
  });

  it("does not change the number of stations", async () => {
    await openFoundation(stateDirAt(dir), { stations: 1 }, found);
    await expect(openFoundation(stateDirAt(dir), { stations: 3 }, refuse)).rejects.toThrow(
      /founded with --stations 1.*--fresh/,
    );
  });

  it("that was cut short is laid anew", async () => {
    const cut = async (station: string, foundation: Foundation): Promise<void> => {
      if (station === "station-2") throw new Error("killed");
      await found(station, foundation);
    };
    await expect(openFoundation(stateDirAt(dir), {}, cut)).rejects.toThrow("killed");
    const second = await openFoundation(stateDirAt(dir), {}, found);
    expect(second.isNew).toBe(true);
    expect(founded.slice(-3).every((line) => line.endsWith(second.clusterId))).toBe(true);
  });

  it("is not laid over stations whose cluster is unknown, nor over a damaged record", async () => {
    await found("station-2", { cluster: "", clusterId: "", shape: { stations: 3, satellites: 0, users: 0 } });
    await expect(openFoundation(stateDirAt(dir), {}, refuse)).rejects.toThrow(
      /station-2.*cluster.json is gone.*--fresh/,
    );
    writeFileSync(stateDirAt(dir).shape, '{"format":1}');
    await expect(openFoundation(stateDirAt(dir), {}, refuse)).rejects.toThrow(/cluster.json is damaged.*--fresh/);
  });

  it("is forgotten with all that was kept, but not with what another launcher has below it", async () => {
    await openFoundation(stateDirAt(dir), {}, found);
    const demo = stateDirAt(join(dir, "demo"));
    const lock = takeLock(demo.lock);
    takeLock(stateDirAt(dir).lock);
    forget(stateDirAt(dir));
    expect(readdirSync(dir).sort()).toEqual(["demo", "lock"]);
    if (lock.kind === "taken") lock.release();
    forget(stateDirAt(dir));
    expect(readdirSync(dir)).toEqual(["lock"]);
    forget(stateDirAt(join(dir, "never")));
    expect(existsSync(join(dir, "never"))).toBe(false);
  });
});

describe("the socket of a state directory", () => {
  it("lies in it, or elsewhere when its path would be too long, the same for every process", () => {
    expect(stateDirAt("/a").socket).toBe("/a/control.sock");
    const long = `/${"x".repeat(120)}`;
    expect(Buffer.byteLength(stateDirAt(long).socket)).toBeLessThanOrEqual(100);
    expect(stateDirAt(long).socket).toBe(stateDirAt(`${long}/`).socket);
    expect(stateDirAt(long).socket).not.toBe(stateDirAt(`${long}y`).socket);
  });
});

describe("the services to run", () => {
  it("are read as they are submitted", () => {
    writeFileSync(join(dir, "c.yaml"), "services: { a: { command: [x] } }");
    expect(JSON.parse(readSpec(join(dir, "c.yaml")))).toEqual({ services: { a: { command: ["x"] } } });
  });

  it("are refused with all mistakes and their places", () => {
    const file = join(dir, "c.yaml");
    writeFileSync(file, "services:\n  a: { command: [], instances: -1 }\n");
    expect(() => readSpec(file)).toThrow(new RegExp(`${file}:2:.*\n${file}:2:`));
    expect(() => readSpec(join(dir, "none.yaml"))).toThrow(/cannot be read: ENOENT/);
  });
});

describe("the end of a log", () => {
  const file = (): string => join(dir, "x.log");

  it("is its last lines", () => {
    writeFileSync(file(), "1\n2\n3\n");
    expect(tailOf(file(), 2)).toEqual({ text: "2\n3\n", end: 6 });
    expect(tailOf(file(), 9).text).toBe("1\n2\n3\n");
    writeFileSync(file(), "1\n2");
    expect(tailOf(file(), 1).text).toBe("2");
    writeFileSync(file(), "");
    expect(tailOf(file(), 1)).toEqual({ text: "", end: 0 });
  });

  it("holds no half line of a long file", () => {
    writeFileSync(file(), `${"a".repeat(70_000)}\nlast\n`);
    expect(tailOf(file(), 5).text).toBe("last\n");
  });

  it("is followed through emptying and putting aside", async () => {
    writeFileSync(file(), "old\n");
    const over = new AbortController();
    let text = "";
    const seen = (wanted: string): Promise<void> =>
      new Promise((resolve) => {
        const timer = setInterval(() => {
          if (text !== wanted) return;
          clearInterval(timer);
          resolve();
        }, 5);
      });
    const following = follow(file(), 4, (part) => (text += part), over.signal);
    appendFileSync(file(), "new\n");
    await seen("new\n");
    renameSync(file(), `${file()}.1`);
    writeFileSync(file(), "next\n");
    await seen("new\nnext\n");
    writeFileSync(file(), "x\n");
    await seen("new\nnext\nx\n");
    over.abort();
    await following;
  });
});

describe("the process table", () => {
  it("tells a process from a later one with its pid", () => {
    expect(isAlive(ownId())).toBe(true);
    expect(isAlive({ ...ownId(), birth: "other" })).toBe(false);
    expect(statOf(spawnSync("true").pid)).toBeUndefined();
  });

  it.each([
    [{}, undefined],
    [{ LOCAL_CLUSTER_DIR: "/other", HALON_INSTANCE: "web/0" }, undefined],
    [
      { LOCAL_CLUSTER_DIR: "/d", LOCAL_CLUSTER_NODE: "nats" },
      { node: "nats", key: "nats" },
    ],
    [
      { LOCAL_CLUSTER_DIR: "/d", LOCAL_CLUSTER_NODE: "user-1" },
      { node: "user-1", key: "agent" },
    ],
    [
      { LOCAL_CLUSTER_DIR: "/d", LOCAL_CLUSTER_NODE: "user-1", HALON_INSTANCE: "web/0", PORT: "8" },
      { key: "web/0", port: 8 },
    ],
    [
      { LOCAL_CLUSTER_DIR: "/d", HALON_INSTANCE: "t/0", HALON_GUARD: "guard" },
      { key: "t/0", isGuard: true },
    ],
    [
      { LOCAL_CLUSTER_DIR: "/d", HALON_INSTANCE: "t/0", HALON_GUARD: "guarded" },
      { key: "t/0", isGuard: false },
    ],
  ])("knows by its environment what a process runs for: %j", (env, expected) => {
    const marks = marksOf(new Map(Object.entries(env)), "/d");
    if (expected === undefined) expect(marks).toBeUndefined();
    else expect(marks).toMatchObject(expected);
  });
});
