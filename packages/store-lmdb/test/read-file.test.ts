import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "@halon/runtime";
import { openStoreLmdb, readStoreFile } from "@halon/store-lmdb";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-read-file-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

type Entries = readonly (readonly [key: string, value: Uint8Array])[];

/** What a store has that all of this was written into, some of it in a transaction of its own, and all it has. */
async function filled(batches: readonly Entries[], gone: readonly string[] = []): Promise<Entries> {
  const store = await openStoreLmdb({ dir, identity: "a" });
  for (const batch of batches) {
    store.write(batch.map(([key, value]) => ({ kind: "put", key, value })));
    await new Promise<void>((done) => store.flush(done));
  }
  store.write(gone.map((key) => ({ kind: "delete", key })));
  const entries = store.range({ from: "", to: "\x7f" });
  await store.close();
  return entries;
}

function read(): Entries {
  const found: [string, Uint8Array][] = [];
  const count = readStoreFile(dir, (keys, keyFrom, keyTo, alike, values, valueFrom, valueTo) => {
    const key = keys.toString("latin1", keyFrom, keyTo);
    expect(key.slice(0, alike)).toBe((found.at(-1)?.[0] ?? "").slice(0, alike));
    found.push([key, Uint8Array.from(values.subarray(valueFrom, valueTo))]);
  });
  expect(found.length).toBe(count);
  return found;
}

const plain = (entries: Entries): unknown => entries.map(([key, value]) => [key, [...value]]);

describe("a store's file, read without LMDB", () => {
  it("gives what the store has: nothing, much, large values, what is left when others have gone", async () => {
    await filled([]);
    expect(read()).toEqual([]);
    const many = (from: number, count: number, bytes: number): Entries =>
      Array.from({ length: count }, (_, at) => [`k/${from + at}`, new Uint8Array(bytes).fill(at)]);
    const gone = Array.from({ length: 1_500 }, (_, at) => `k/${at * 2}`);
    const entries = await filled([many(0, 4_000, 40), many(2_000, 3_000, 7), many(9_000, 3, 70_000)], gone);
    expect(entries.length).toBe(3_503);
    expect(plain(read())).toEqual(plain(entries));
  });

  it("whatever byte is another one, it is said to be damaged, or gives entries: the process lives", async () => {
    const some = Array.from({ length: 300 }, (_, at) => [`key/${at}`, new Uint8Array(at)] as const);
    const entries = await filled([some, [["large", new Uint8Array(9_000).fill(7)]]]);
    const path = join(dir, "data.mdb");
    const sound = readFileSync(path);
    let damaged = 0;
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bytes = Buffer.from(sound);
        bytes[at] = (bytes[at] as number) ^ mask;
        writeFileSync(path, bytes);
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError);
          expect((error as StoreError).code).toBe("damaged");
          damaged++;
        }
      }),
      { numRuns: 400 },
    );
    expect(damaged).toBeGreaterThan(0);
    writeFileSync(path, sound);
    expect(plain(read())).toEqual(plain(entries));
  });

  it("cut short anywhere, it is said to be damaged, unless only what is not in use is missing", async () => {
    const entries = await filled([Array.from({ length: 600 }, (_, at) => [`key/${at}`, new Uint8Array(60)] as const)]);
    const path = join(dir, "data.mdb");
    const sound = readFileSync(path);
    let damaged = 0;
    for (let length = 0; length < sound.length; length += 2_048) {
      writeFileSync(path, sound.subarray(0, length));
      try {
        expect(plain(read())).toEqual(plain(entries));
      } catch (error) {
        expect((error as StoreError).code).toBe("damaged");
        damaged++;
      }
    }
    expect(damaged).toBeGreaterThan(2);
  });
});
