import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { StoreError } from "@halon/runtime";
import { type EntryDigest, openStoreLmdb, readStoreFile } from "@halon/store-lmdb";
import fc from "fast-check";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LiveFile } from "../src/live-file.ts";

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

/** Sums up entries in a way of its own, and keeps those that it was given. */
class Sum implements EntryDigest {
  low = 0;
  high = 0;
  readonly entries: [string, Uint8Array][] = [];

  addFrom(...[keys, keyFrom, keyTo, alike, values, valueFrom, valueTo]: Parameters<EntryDigest["addFrom"]>): void {
    const key = keys.toString("latin1", keyFrom, keyTo);
    expect(key.slice(0, alike)).toBe((this.entries.at(-1)?.[0] ?? "").slice(0, alike));
    const value = Uint8Array.from(values.subarray(valueFrom, valueTo));
    this.entries.push([key, value]);
    const text = `${key}=${value.join()}`;
    this.low = (this.low + crc32(text)) | 0;
    this.high = (this.high + crc32(`${text}.`)) | 0;
  }

  get sum(): readonly number[] {
    return [this.low, this.high];
  }
}

function read(withNotes = false): Sum {
  const sum = new Sum();
  const count = readStoreFile(dir, sum, { withNotes });
  if (!withNotes) expect(sum.entries.length).toBe(count);
  return sum;
}

const plain = (entries: Entries): unknown => entries.map(([key, value]) => [key, [...value]]);

describe("a store's file, read without LMDB", () => {
  it("gives what the store has: nothing, much, large values, what is left when others have gone", async () => {
    await filled([]);
    expect(read().entries).toEqual([]);
    const many = (from: number, count: number, bytes: number): Entries =>
      Array.from({ length: count }, (_, at) => [`k/${from + at}`, new Uint8Array(bytes).fill(at)]);
    const gone = Array.from({ length: 1_500 }, (_, at) => `k/${at * 2}`);
    const entries = await filled([many(0, 4_000, 40), many(2_000, 3_000, 7), many(9_000, 3, 70_000)], gone);
    expect(entries.length).toBe(3_503);
    expect(plain(read().entries)).toEqual(plain(entries));
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
    expect(plain(read().entries)).toEqual(plain(entries));
  });

  it("cut short anywhere, it is said to be damaged, unless only what is not in use is missing", async () => {
    const entries = await filled([Array.from({ length: 600 }, (_, at) => [`key/${at}`, new Uint8Array(60)] as const)]);
    const path = join(dir, "data.mdb");
    const sound = readFileSync(path);
    let damaged = 0;
    for (let length = 0; length < sound.length; length += 2_048) {
      writeFileSync(path, sound.subarray(0, length));
      try {
        expect(plain(read().entries)).toEqual(plain(entries));
      } catch (error) {
        expect((error as StoreError).code).toBe("damaged");
        damaged++;
      }
    }
    expect(damaged).toBeGreaterThan(2);
  });
});

describe("notes of what pages come to", () => {
  const NOTES = "data.notes";
  const batch = fc.array(fc.tuple(fc.nat(3_000), fc.constantFrom(0, 3, 60, 300, 5_000)), {
    maxLength: 400,
    size: "max",
  });
  const entriesOf = (numbers: readonly (readonly [number, number])[]): Entries =>
    numbers.map(([number, length]) => [`k/${number}`, new Uint8Array(length).fill(number % 251)]);

  it("L16 with them a file comes to what it comes to without, whatever was written since they were made", async () => {
    let spared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
        rmSync(dir, { recursive: true, force: true });
        for (const numbers of batches) {
          await filled([entriesOf(numbers)]);
          const [without, withThem] = [read(), read(true)];
          expect(withThem.sum).toEqual(without.sum);
          spared += without.entries.length - withThem.entries.length;
          const again = read(true);
          expect(again.sum).toEqual(without.sum);
          // What has pages of its own is not vouched for by the checksum of its entry's page.
          const isLarge = without.entries.some(([, value]) => value.length > 2_000);
          if (!isLarge) expect(again.entries).toEqual([]);
        }
      }),
      { numRuns: 20 },
    );
    expect(spared).toBeGreaterThan(0);
  });

  it("L16 whatever byte is another one, a file does not come to what it came to, unless the byte is of no entry", async () => {
    const entries = await filled([entriesOf(Array.from({ length: 900 }, (_, at) => [at, 60]))]);
    const { sum } = read(true);
    const path = join(dir, "data.mdb");
    const sound = readFileSync(path);
    let found = 0;
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bytes = Buffer.from(sound);
        bytes[at] = (bytes[at] as number) ^ mask;
        writeFileSync(path, bytes);
        try {
          const withThem = read(true);
          const without = read();
          // Damage that reading all of it finds is found with them.
          if (without.sum.join() !== sum.join()) expect(withThem.sum).not.toEqual(sum);
          if (withThem.sum.join() !== sum.join()) found++;
        } catch (error) {
          expect((error as StoreError).code).toBe("damaged");
          found++;
        }
      }),
      { numRuns: 300 },
    );
    expect(found).toBeGreaterThan(0);
    writeFileSync(path, sound);
    expect(plain(read().entries)).toEqual(plain(entries));
  });

  it("are not taken when they are damaged, cut short, or of pages of another size", async () => {
    await filled([entriesOf(Array.from({ length: 900 }, (_, at) => [at, 60]))]);
    const { sum, entries } = read(true);
    expect(read(true).entries).toEqual([]);
    const path = join(dir, NOTES);
    const notes = readFileSync(path);
    for (const at of [0, 29, 40, notes.length - 1]) {
      const bytes = Buffer.from(notes);
      bytes[at] = (bytes[at] as number) ^ 1;
      writeFileSync(path, bytes);
      const again = read(true);
      expect([again.sum, again.entries.length]).toEqual([sum, entries.length]);
    }
    writeFileSync(path, notes.subarray(0, 100));
    expect(read(true).entries.length).toBe(entries.length);
  });

  it("L14 that cannot be written leave a sound file sound, and nothing behind", async () => {
    const entries = await filled([entriesOf(Array.from({ length: 900 }, (_, at) => [at, 60]))]);
    mkdirSync(join(dir, NOTES));
    expect(plain(read(true).entries)).toEqual(plain(entries));
    expect(readdirSync(dir)).not.toContain(`${NOTES}.new`);
  });

  it("are made while the store is open, of what was written since the last time", async () => {
    const root = open({ path: dir, noSubdir: false, encoding: "binary", maxDbs: 2 });
    const state = root.openDB<Uint8Array, string>({ name: "state", encoding: "binary" });
    const file = new LiveFile(dir, root);
    const put = (from: number, count: number): Promise<unknown> =>
      root.transaction(() => {
        for (let at = from; at < from + count; at++) void state.put(`k/${at}`, Buffer.alloc(400, at));
      });
    const note = (): Sum => {
      const sum = new Sum();
      for (const _ of file.noting(sum));
      return sum;
    };
    await put(10_000, 20_000);
    expect(note().entries.length).toBe(20_000);
    expect(existsSync(join(dir, NOTES))).toBe(true);
    expect(note().entries.length).toBe(0);
    await put(15_000, 5);
    expect(note().entries.length).toBeLessThan(30);
    file.close();
    await root.close();
    // The last few were not saved: they are read.
    expect(read(true).entries.length).toBeLessThan(30);
    expect(read().entries.length).toBe(20_000);
  });
});
