import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RotatingFile } from "../src/index.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "halon-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (): string => join(directory, "logs", "a.log");
const contents = (): Record<string, string> => {
  const names = readdirSync(join(directory, "logs")).toSorted();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, "logs", name), "utf8")]));
};
const append = (file: RotatingFile, text: string): Promise<Error | undefined> =>
  new Promise((done) => file.append(Buffer.from(text), (_, error) => done(error)));

describe("rotating file", () => {
  it("puts the file aside before it grows above its size, and keeps so many", async () => {
    const file = new RotatingFile({ path: path(), bytesMax: 4, oldFilesMax: 2 });
    for (const text of ["a\n", "b\n", "c\n", "d\n", "eee\n", "f\n"]) expect(await append(file, text)).toBe(undefined);
    expect(contents()).toEqual({ "a.log": "f\n", "a.log.1": "eee\n", "a.log.2": "c\nd\n" });
  });

  it("keeps none", async () => {
    const file = new RotatingFile({ path: path(), bytesMax: 4, oldFilesMax: 0 });
    for (const text of ["a\n", "b\n", "c\n"]) await append(file, text);
    expect(contents()).toEqual({ "a.log": "c\n" });
  });

  it("continues what it finds", async () => {
    mkdirSync(join(directory, "logs"));
    writeFileSync(path(), "old\n");
    await append(new RotatingFile({ path: path(), bytesMax: 6, oldFilesMax: 1 }), "a\n");
    expect(contents()).toEqual({ "a.log": "old\na\n" });
    await append(new RotatingFile({ path: path(), bytesMax: 6, oldFilesMax: 1 }), "b\n");
    expect(contents()).toEqual({ "a.log": "b\n", "a.log.1": "old\na\n" });
  });

  it("writes at once at the end of a process, also beyond its size", () => {
    const file = new RotatingFile({ path: path(), bytesMax: 4, oldFilesMax: 1 });
    file.appendSync(Buffer.from("123\n"));
    file.appendSync(Buffer.from("last words\n"));
    expect(contents()).toEqual({ "a.log": "123\nlast words\n" });
  });

  it("puts last words after what was under way", async () => {
    for (let round = 0; round < 100; round++) {
      rmSync(join(directory, "logs"), { recursive: true, force: true });
      const file = new RotatingFile({ path: path(), bytesMax: 1_024, oldFilesMax: 1 });
      const earlier = append(file, "earlier\n");
      file.appendSync(Buffer.from("last\n"));
      await earlier;
      expect(contents()).toEqual({ "a.log": "earlier\nlast\n" });
    }
  });

  it("says why it cannot go on, and goes on when it can", async () => {
    const file = new RotatingFile({ path: path(), bytesMax: 4, oldFilesMax: 1 });
    await append(file, "123\n");
    // Nothing can be renamed over a directory that is not empty.
    mkdirSync(join(`${path()}.1`, "in the way"), { recursive: true });
    expect(String(await append(file, "b\n"))).toMatch(/EISDIR|ENOTEMPTY|ENOTDIR|EEXIST/);
    rmSync(`${path()}.1`, { recursive: true });
    expect(await append(file, "c\n")).toBe(undefined);
    expect(contents()).toEqual({ "a.log": "c\n", "a.log.1": "123\n" });
  });

  it("never takes more than its size per file, and always has the newest, without a gap", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 20, max: 40 }),
        fc.integer({ min: 0, max: 4 }),
        async (each, max, old) => {
          rmSync(join(directory, "logs"), { recursive: true, force: true });
          const file = new RotatingFile({ path: path(), bytesMax: max, oldFilesMax: old });
          const texts = each.map((size, at) => `${String.fromCharCode(97 + (at % 26)).repeat(size - 1)}\n`);
          for (const text of texts) expect(await append(file, text)).toBe(undefined);
          const files = contents();
          const ages = Object.keys(files).length;
          const names = Array.from({ length: ages }, (_, age) => (age === 0 ? "a.log" : `a.log.${age}`));
          expect(ages).toBeLessThanOrEqual(old + 1);
          expect(Object.keys(files).toSorted()).toEqual(names.toSorted());
          for (const text of Object.values(files)) expect(text.length).toBeLessThanOrEqual(max);
          const kept = names
            .toReversed()
            .map((name) => files[name])
            .join("");
          expect(texts.join("").endsWith(kept)).toBe(true);
          if (ages <= old) expect(kept).toBe(texts.join(""));
        },
      ),
      { numRuns: 50 },
    );
  });
});
