import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store, StoreChange, StoreEntry, StoreError } from "@halon/runtime";
import { storeConformance } from "@halon/runtime/conformance";
import fc from "fast-check";
import { open } from "lmdb";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LmdbStore, openStoreLmdb } from "../src/index.ts";

// Real syncs, on a disk that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const places: string[] = [];
const freshDir = (): string => {
  const place = mkdtempSync(join(tmpdir(), "halon-store-"));
  places.push(place);
  // A name with a dot, which LMDB would take for a file's.
  return join(place, "n1.store");
};
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

const DEADLINE_MS = 30_000;
async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error("the condition never held");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

storeConformance(
  { describe, it, expect },
  {
    async fresh() {
      const dir = freshDir();
      return { open: () => openStoreLmdb({ dir, identity: "c/n1/1" }) };
    },
    until,
  },
);

const put = (store: Store, key: string, value: string | Uint8Array = key): void =>
  store.write([{ kind: "put", key, value: Buffer.from(value) }]);
const keys = (store: Store): string[] => store.range({ from: "", to: "\x7f" }).map(([key]) => key);
const refusal = (opening: Promise<unknown>): Promise<StoreError> =>
  opening.then(
    () => expect.unreachable("opened"),
    (error: StoreError) => error,
  );
const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as StoreError).code;
  }
  return "none";
};

describe("LMDB store", () => {
  it("reads what was written last, whether it waits, was just committed, or long ago", async () => {
    const store = await openStoreLmdb({ dir: freshDir(), identity: "i" });
    const twin = new Map<string, number>();
    // Some rounds are as much as is kept in memory; each leaves two thirds of the keys as they were, and deletes some.
    for (let round = 1; round <= 12; round++) {
      const changes = Array.from({ length: 60 }, (_, at) => `k${at}`).flatMap((key, at): StoreChange[] => {
        if ((at * 7 + round * 5) % 3 > 0) return [];
        if ((at + round) % 4 === 0) {
          twin.delete(key);
          return [{ kind: "delete", key }];
        }
        twin.set(key, round);
        return [{ kind: "put", key, value: Buffer.alloc(150_000, round) }];
      });
      store.write(changes);
      const look = (): void => {
        for (let at = 0; at < 60; at++) expect(store.get(`k${at}`)?.[0]).toBe(twin.get(`k${at}`));
      };
      look();
      if (round % 3 > 0) await new Promise<void>((resolve) => store.flush(resolve));
      look();
    }
    await store.close();
  });

  it("of another identity is refused, naming both", async () => {
    const dir = freshDir();
    await (await openStoreLmdb({ dir, identity: "c/n1/1" })).close();
    const error = await refusal(openStoreLmdb({ dir, identity: "c/n2/1" }));
    expect([error.code, error.message]).toEqual(["foreign", expect.stringMatching(/c\/n1\/1.*c\/n2\/1/)]);
    await (await openStoreLmdb({ dir, identity: "c/n1/1" })).close();
  });

  it("of another format, or without one, is refused", async () => {
    const dir = freshDir();
    const store = await openStoreLmdb({ dir, identity: "i" });
    put(store, "a");
    await store.close();
    const root = open({ path: dir, noSubdir: false, encoding: "binary" });
    const about = root.openDB<string, string>({ name: "about", encoding: "string" });
    about.putSync("format", "2");
    await root.close();
    expect((await refusal(openStoreLmdb({ dir, identity: "i" }))).code).toBe("version");
    const again = open({ path: dir, noSubdir: false, encoding: "binary" });
    again.openDB<string, string>({ name: "about", encoding: "string" }).clearSync();
    await again.close();
    expect((await refusal(openStoreLmdb({ dir, identity: "i" }))).code).toBe("damaged");
  });

  it("that is no LMDB file is refused, and says that it is rebuilt", async () => {
    const dir = freshDir();
    const store = await openStoreLmdb({ dir, identity: "i" });
    await store.close();
    writeFileSync(join(dir, "data.mdb"), Buffer.alloc(65_536, 7));
    const error = await refusal(openStoreLmdb({ dir, identity: "i" }));
    expect([error.code, error.message]).toEqual(["damaged", expect.stringContaining("rebuilt")]);
  });

  it("with any bit of its magic flipped, or cut before it ends, is refused before LMDB looks", async () => {
    const dir = freshDir();
    const store = await openStoreLmdb({ dir, identity: "i" });
    put(store, "a");
    await store.close();
    const path = join(dir, "data.mdb");
    const whole = readFileSync(path);
    for (let bit = 24 * 8; bit < 28 * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      writeFileSync(path, flipped);
      expect((await refusal(openStoreLmdb({ dir, identity: "i" }))).code).toBe("damaged");
    }
    for (let size = 1; size < 28; size++) {
      writeFileSync(path, whole.subarray(0, size));
      expect((await refusal(openStoreLmdb({ dir, identity: "i" }))).code).toBe("damaged");
    }
    // Nothing is in it alone: emptied, or dropped, it is a new one.
    for (const lose of [() => truncateSync(path, 0), () => rmSync(path)]) {
      writeFileSync(path, whole);
      lose();
      const again = await openStoreLmdb({ dir, identity: "i" });
      expect(keys(again)).toEqual([]);
      await again.close();
    }
    writeFileSync(path, whole);
    const again = await openStoreLmdb({ dir, identity: "i" });
    expect(keys(again)).toEqual(["a"]);
    await again.close();
  });

  it("in a place that cannot be is an io error", async () => {
    const dir = freshDir();
    writeFileSync(dir, "a file");
    expect((await refusal(openStoreLmdb({ dir, identity: "i" }))).code).toBe("io");
  });

  it("refuses more than may wait for the disk, and takes it after a flush", async () => {
    const store = await openStoreLmdb({ dir: freshDir(), identity: "i", pendingBytesMax: 1_000 });
    expect(codeOf(() => put(store, "a", new Uint8Array(2_000)))).toBe("too-large");
    put(store, "a", new Uint8Array(600));
    expect(codeOf(() => put(store, "b", new Uint8Array(600)))).toBe("busy");
    expect(keys(store)).toEqual(["a"]);
    let done = false;
    store.flush(() => {
      done = true;
    });
    await until(() => done);
    put(store, "b", new Uint8Array(600));
    expect(keys(store)).toEqual(["a", "b"]);
    await store.close();
  });

  it("stops growing at its size limit, but can be emptied", async () => {
    const store = await openStoreLmdb({ dir: freshDir(), identity: "i", sizeBytesMax: 200_000 });
    let code = "none";
    for (let at = 0; at < 100 && code === "none"; at++) {
      code = codeOf(() => put(store, `key ${at}`, new Uint8Array(20_000)));
      let done = false;
      store.flush(() => {
        done = true;
      });
      await until(() => done);
    }
    expect(code).toBe("too-large");
    store.write([{ kind: "deleteRange", from: "", to: "\x7f" }]);
    expect(keys(store)).toEqual([]);
    await store.close();
  });

  it("that cannot commit fails for good, once", async () => {
    const store = withCommit(() => Promise.reject(new Error("MDB_PANIC")));
    const failures: StoreError[] = [];
    store.onFailure((error) => failures.push(error));
    put(store, "a");
    store.flush(() => expect.unreachable("reported as durable"));
    await until(() => failures.length > 0);
    expect([failures[0]?.code, failures[0]?.message]).toEqual(["io", expect.stringContaining("MDB_PANIC")]);
    expect(codeOf(() => put(store, "b"))).toBe("io");
    await store.close();
    expect(failures.length).toBe(1);
  });

  it("answers a flush after the commit that has its batches, not after the one that was under way", async () => {
    const commits: (() => void)[] = [];
    const store = withCommit((commit) => new Promise<void>((resolve) => commits.push(resolve)).then(commit));
    const answered: string[] = [];
    put(store, "a");
    store.flush(() => answered.push("a"));
    await until(() => commits.length === 1);
    put(store, "b");
    store.flush(() => answered.push("b"));
    expect(keys(store)).toEqual(["a", "b"]);
    expect(store.get("a")).toEqual(Buffer.from("a"));
    commits[0]?.();
    await until(() => commits.length === 2);
    expect(answered).toEqual(["a"]);
    commits[1]?.();
    await until(() => answered.length === 2);
    await store.close();
  });

  it("is read in pages from a snapshot, each quickly wherever it is, while it changes", async () => {
    const store = await openStoreLmdb({ dir: freshDir(), identity: "i" });
    const key = (at: number): string => `k${String(at).padStart(6, "0")}`;
    const COUNT = 100_000;
    const PAGE = 1_000;
    for (let at = 0; at < COUNT; at += 10_000)
      store.write(
        Array.from({ length: 10_000 }, (_, next) => ({ kind: "put", key: key(at + next), value: bytes(at + next) })),
      );
    await flushed(store);
    const snapshot = store.snapshot();
    const whole = cpuOf(() => snapshot.range({ from: "", to: "\x7f" }));
    let pages = 0;
    let next = key(0);
    let count = 0;
    while (true) {
      store.write([{ kind: "deleteRange", from: key(count), to: key(count + 50) }]);
      put(store, `l${count}`);
      let page: readonly StoreEntry[] = [];
      pages += cpuOf(() => {
        page = snapshot.range({ from: next, to: "\x7f", limit: PAGE });
      });
      if (page.length === 0) break;
      for (const [found, value] of page) {
        if (found !== key(count) || Buffer.compare(value, bytes(count)) !== 0)
          expect.unreachable(`${found} at ${count}`);
        count++;
      }
      next = `${page.at(-1)?.[0]} `;
      if (count % 10_000 === 0) await flushed(store);
    }
    expect(count).toBe(COUNT);
    // All pages cost about what one range of all does; were each looked for from the start, fifty times as much.
    expect(pages / whole).toBeLessThan(20);
    snapshot.release();
    await store.close();
  });

  it("uses the pages of a released snapshot again, and not those of an open one", async () => {
    const store = await openStoreLmdb({ dir: freshDir(), identity: "i", sizeBytesMax: 4_000_000 });
    const fill = async (rounds: number): Promise<string> => {
      for (let round = 0; round < rounds; round++) {
        const code = codeOf(() => put(store, "a", new Uint8Array(300_000)));
        if (code !== "none") return code;
        await flushed(store);
      }
      return "none";
    };
    for (let at = 0; at < 5; at++) {
      const snapshot = store.snapshot();
      await flushed(store);
      snapshot.release();
      expect(await fill(20)).toBe("none");
    }
    store.snapshot();
    expect(await fill(100)).toBe("too-large");
    await store.close();
  });
});

describe("scanning", () => {
  const scanned = (
    store: Store,
    from: string,
    to: string,
    max = Number.POSITIVE_INFINITY,
  ): StoreEntry[] | undefined => {
    const found: StoreEntry[] = [];
    const isDone = store.scan?.({ from, to }, (keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
      if (found.length === max) return false;
      found.push([keys.toString("latin1", keyFrom, keyTo), Uint8Array.from(values.subarray(valueFrom, valueTo))]);
      return true;
    });
    return isDone === true ? found : undefined;
  };
  const plain = (entries: readonly StoreEntry[] | undefined): unknown =>
    entries?.map(([key, value]) => `${key} ${Buffer.from(value).toString("latin1")}`);

  it("gives what a range gives, between any two keys, while the store is written to", async () => {
    const number = fc.nat(4_000);
    const batch = fc.array(fc.tuple(number, fc.constantFrom(0, 5, 90, 700, 9_000)), { maxLength: 300, size: "max" });
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(number, number)),
        async (all, ends) => {
          const store = await openStoreLmdb({ dir: freshDir(), identity: "i" });
          expect(scanned(store, "", "\x7f")).toEqual([]);
          for (const entries of all) {
            for (const [at, length] of entries)
              if (length === 5) store.write([{ kind: "delete", key: `k/${at}` }]);
              else put(store, `k/${at}`, new Uint8Array(length).fill(at));
            await flushed(store);
            for (const [from, to] of [...ends.map((pair) => pair.map((at) => `k/${at}`)), ["", "\x7f"]] as [
              string,
              string,
            ][]) {
              const range = plain(store.range({ from, to }));
              expect(plain(scanned(store, from, to))).toEqual(range);
              expect(plain(scanned(store, from, to, 3))).toEqual((range as unknown[]).slice(0, 3));
            }
          }
          await store.close();
        },
      ),
      { numRuns: 12 },
    );
  });

  it("says that it cannot be had while something in the range is not committed", async () => {
    const store = await openStoreLmdb({ dir: freshDir(), identity: "i" });
    put(store, "b", bytes(1));
    await flushed(store);
    put(store, "c", bytes(2));
    expect(plain(scanned(store, "a", "c"))).toEqual(plain([["b", bytes(1)]]));
    expect(scanned(store, "a", "d")).toBe(undefined);
    await flushed(store);
    expect(plain(scanned(store, "a", "d"))).toEqual(
      plain([
        ["b", bytes(1)],
        ["c", bytes(2)],
      ]),
    );
    await store.close();
  });
});

/** Processor time, which others on the machine do not add to. */
function cpuOf(action: () => unknown): number {
  const before = process.cpuUsage();
  action();
  return process.cpuUsage(before).user;
}

const bytes = (at: number): Uint8Array => Buffer.alloc(100, at % 251);

async function flushed(store: Store): Promise<void> {
  let done = false;
  store.flush(() => {
    done = true;
  });
  await until(() => done);
}

/** A store whose commits go through `via`. */
function withCommit(via: (commit: () => Promise<boolean>) => Promise<unknown>): Store {
  const dir = freshDir();
  const root = open({ path: dir, noSubdir: false, encoding: "binary", overlappingSync: false });
  const state = root.openDB<Uint8Array, string>({ name: "state", encoding: "binary" });
  const proxy = new Proxy(state, {
    get: (target, name) => {
      if (name === "batch") return (changes: () => void) => via(() => target.batch(changes));
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return new LmdbStore({ dir, root, state: proxy, pendingBytesMax: 1e6, sizeBytesMax: 1e9 });
}
