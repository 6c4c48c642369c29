import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JournalError } from "@halon/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FileJournal, type FileJournalOptions, openJournalFile } from "../src/index.ts";
import { FaultyDisk, Kept, put, type UnsyncedNames, unsynced, until } from "./faulty-disk.ts";

// On a disk and a machine that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const IDENTITY = "c1/n1/1";

let disk: FaultyDisk;
beforeEach(() => {
  disk = new FaultyDisk();
});
afterEach(() => disk.dispose());

const open = (mode: "create" | "existing", options: Partial<FileJournalOptions> = {}): Promise<FileJournal> =>
  openJournalFile({
    dir: disk.dir,
    identity: IDENTITY,
    mode,
    segmentBytesMax: 150,
    reserveBytes: 0,
    fileSystem: disk.host(),
    ...options,
  });
const contents = (journal: FileJournal): string[] =>
  journal.read(journal.firstSeq, 1e9).map(({ seq, bytes }) => `${seq}:${Buffer.from(bytes)}`);
const expected = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `${from + at}:record ${from + at}`);
const names = (): string[] =>
  readdirSync(disk.dir)
    .filter((name) => !name.startsWith("claim."))
    .sort();
const segments = (): string[] => names().filter((name) => name.endsWith(".journal"));
const refusal = (options: Partial<FileJournalOptions> = {}): Promise<JournalError> =>
  open("existing", options).then(
    (journal) => expect.unreachable(`opened with ${contents(journal).length} records`),
    (error: JournalError) => error,
  );

async function write(journal: FileJournal, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const seq = journal.append(Buffer.from(`record ${journal.writtenSeq + 1}`));
    journal.flush();
    await until(() => journal.durableSeq === seq);
  }
}

/** Trims, and waits until the first record is at least `firstSeq` and all before it is removed. */
async function trim(journal: FileJournal, beforeSeq: number, firstSeq: number): Promise<void> {
  journal.trim(beforeSeq);
  await until(
    () => journal.firstSeq >= firstSeq && segments().every((name) => Number.parseInt(name, 10) >= journal.firstSeq),
  );
}

describe("trimming", () => {
  it("removes whole segments, keeps what is needed, and survives reopening", async () => {
    const journal = await open("create");
    await write(journal, 20);
    const bytesBefore = journal.bytesCount;
    expect(bytesBefore).toBe(disk.usedBytes - 528);
    await trim(journal, 12, 9);
    const { firstSeq } = journal;
    expect(firstSeq).toBeGreaterThan(8);
    expect(firstSeq).toBeLessThanOrEqual(12);
    expect(contents(journal)).toEqual(expected(firstSeq, 20));
    expect(journal.bytesCount).toBeLessThan(bytesBefore);
    expect(() => journal.read(firstSeq - 1, 10)).toThrow(/is the first/);
    await journal.close();
    const again = await open("existing");
    expect([again.firstSeq, again.durableSeq]).toEqual([firstSeq, 20]);
    await write(again, 3);
    expect(contents(again)).toEqual(expected(firstSeq, 23));
    await again.close();
  });

  it("of everything leaves an empty journal that counts on, and takes no more room than a header", async () => {
    const journal = await open("create");
    await write(journal, 10);
    await trim(journal, 11, 11);
    expect([journal.firstSeq, journal.writtenSeq, segments().length]).toEqual([11, 10, 1]);
    expect(journal.read(11, 100)).toEqual([]);
    expect(journal.bytesCount).toBeLessThan(50);
    await journal.close();
    const again = await open("existing");
    expect([again.firstSeq, again.writtenSeq]).toEqual([11, 10]);
    await write(again, 2);
    expect(contents(again)).toEqual(expected(11, 12));
    await again.close();
  });

  it("gives the last segment back with the next trim, however large segments may be", async () => {
    const journal = await open("create", { segmentBytesMax: 1e6 });
    let bytesMax = 0;
    for (let round = 0; round < 6; round++) {
      await write(journal, 10);
      bytesMax = Math.max(bytesMax, journal.bytesCount);
      journal.trim(journal.durableSeq);
      await until(() => journal.firstSeq > (round - 1) * 10 && segments().length === 2);
    }
    // Two rounds' worth, and not six.
    expect(bytesMax).toBeLessThan(2.5 * 10 * 30 + 100);
    await journal.close();
  });

  it("asked for while records are written keeps the order of both", async () => {
    const journal = await open("create");
    await write(journal, 5);
    for (let at = 6; at <= 60; at++) {
      journal.append(Buffer.from(`record ${at}`));
      if (at % 3 === 0) journal.flush();
      if (at % 7 === 0) journal.trim(journal.durableSeq);
      if (at % 5 === 0) await until(() => true);
    }
    journal.flush();
    await until(() => journal.durableSeq === 60);
    journal.trim(55);
    journal.trim(3);
    await journal.close();
    const again = await open("existing");
    expect(again.firstSeq).toBeLessThanOrEqual(55);
    expect(contents(again)).toEqual(expected(again.firstSeq, 60));
    await again.close();
  });

  it("beyond what is durable is refused, and of nothing does nothing", async () => {
    const journal = await open("create");
    journal.append(Buffer.from("not flushed"));
    for (const seq of [0, 3, 1.5]) expect(() => journal.trim(seq)).toThrow(/are durable/);
    journal.trim(1);
    expect([journal.firstSeq, segments().length]).toEqual([1, 1]);
    await journal.close();
    expect(() => journal.trim(1)).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("ends the journal for good when a sync of the new start fails, and removes nothing", async () => {
    const journal = await open("create", { fileSystem: disk });
    await write(journal, 10);
    const failures: JournalError[] = [];
    journal.onFailure((error) => failures.push(error));
    const before = segments();
    disk.failNext("syncDir");
    // Nothing to roll: the failing sync is the start's.
    journal.trim(5);
    await until(() => failures.length > 0);
    await journal.close();
    expect(segments()).toEqual(before);
    expect((await refusal()).code).toBe("damaged");
  });
});

describe("a crash at any step of trimming", () => {
  const NAMES: readonly UnsyncedNames[] = [
    { start: "old", removed: "gone" },
    { start: "old", removed: "back" },
    { start: "new", removed: "gone" },
    { start: "new", removed: "back" },
  ];

  it.each(NAMES)("keeps all that is needed, and goes on (%o)", async (unsyncedNames) => {
    let finished = false;
    for (let step = 0; !finished; step++) {
      disk.dispose();
      disk = new FaultyDisk();
      const journal = await open("create");
      await write(journal, 20);
      disk.callsLeft = step;
      journal.trim(18);
      // It comes to rest, by a crash or because all is done.
      await until(() => disk.callsLeft < 0 || (segments().length <= 2 && journal.firstSeq > 10 && ++idle > 20));
      finished = disk.callsLeft >= 0;
      idle = 0;
      await disk.crash(() => 0, unsyncedNames);
      const again = await open("existing");
      expect(again.firstSeq, `step ${step}`).toBeLessThanOrEqual(18);
      expect(contents(again), `step ${step}`).toEqual(expected(again.firstSeq, 20));
      expect(names().filter((name) => name.endsWith(".unfinished"))).toEqual([]);
      expect(segments().every((name) => Number.parseInt(name, 10) >= again.firstSeq)).toBe(true);
      await trim(again, 21, 21);
      await write(again, 2);
      expect(contents(again)).toEqual(expected(21, 22));
      await again.close();
      expect(step).toBeLessThan(60);
    }
  });
  let idle = 0;
});

describe("a trimmed journal", () => {
  let firstSeq: number;
  beforeEach(async () => {
    const journal = await open("create");
    await write(journal, 14);
    await trim(journal, 8, 5);
    firstSeq = journal.firstSeq;
    await write(journal, 4);
    await journal.close();
  });

  it("opens without what is left before its start, whatever that is", async () => {
    writeFileSync(join(disk.dir, "0000000000000001.journal"), "rubbish");
    const journal = await open("existing");
    expect(contents(journal)).toEqual(expected(firstSeq, 18));
    expect(segments()).not.toContain("0000000000000001.journal");
    await journal.close();
  });

  it("without its first segment is refused: a file that was deleted is no trimming", async () => {
    rmSync(join(disk.dir, segments()[0] as string));
    const error = await refusal();
    expect([error.code, error.message]).toEqual([
      "damaged",
      expect.stringMatching(`records ${firstSeq} to .* is missing`),
    ]);
  });

  it("with the start of another journal is refused", async () => {
    const path = join(disk.dir, "start");
    const elsewhere = new FaultyDisk();
    const other = await openJournalFile({
      dir: elsewhere.dir,
      identity: "c1/n2/1",
      mode: "create",
      segmentBytesMax: 150,
      reserveBytes: 0,
    });
    for (let at = 0; at < 14; at++) other.append(Buffer.from(`other ${at}`));
    other.flush();
    await until(() => other.durableSeq === 14);
    other.trim(14);
    await until(() => other.firstSeq > 1);
    await other.close();
    copyFileSync(join(elsewhere.dir, "start"), path);
    elsewhere.dispose();
    expect((await refusal()).code).toBe("foreign");
  });

  it("with a flipped bit, a cut, or a missing file opens with exactly its records, or is refused", async () => {
    const outcomes = { whole: 0, refused: 0 };
    const kept = new Kept(disk.dir);
    const look = async (what: string): Promise<void> => {
      try {
        const journal = await open("existing", { fileSystem: unsynced });
        expect(contents(journal), what).toEqual(expected(firstSeq, 18));
        await journal.close();
        outcomes.whole++;
      } catch (error) {
        expect(["damaged", "version", "missing"], `${what}: ${String(error)}`).toContain((error as JournalError).code);
        outcomes.refused++;
      }
      kept.putBack();
    };
    for (const name of names()) {
      const path = join(disk.dir, name);
      const whole = readFileSync(path);
      // Between the slots of the mark of the end there is nothing.
      const matters = (at: number): boolean => name !== "end" || at < 18 || at >= 510;
      for (let at = 0; at < whole.length; at++) {
        if (!matters(at)) continue;
        const flipped = Buffer.from(whole);
        flipped[at] = (flipped[at] as number) ^ (1 << ((at * 5) % 8));
        put(path, flipped);
        await look(`${name} flipped at ${at}`);
        put(path, whole.subarray(0, at));
        await look(`${name} cut at ${at}`);
      }
      rmSync(path);
      await look(`${name} dropped`);
    }
    await look("nothing");
    expect(outcomes.refused).toBeGreaterThan(500);
    // All that may be is a slot of the mark of the end.
    expect(outcomes.whole).toBeLessThan(120);
  });
});
