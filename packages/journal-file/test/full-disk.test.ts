import { existsSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { JournalError } from "@halon/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FileJournal, type FileJournalOptions, openJournalFile } from "../src/index.ts";
import { FaultyDisk, until } from "./faulty-disk.ts";

// On a disk and a machine that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const RESERVE_BYTES = 5_000;

let disk: FaultyDisk;
beforeEach(() => {
  disk = new FaultyDisk();
});
afterEach(() => disk.dispose());

const open = (mode: "create" | "existing", options: Partial<FileJournalOptions> = {}): Promise<FileJournal> =>
  openJournalFile({
    dir: disk.dir,
    identity: "c1/n1/1",
    mode,
    fileSystem: disk,
    reserveBytes: RESERVE_BYTES,
    segmentBytesMax: 4_000,
    ...options,
  });
const contents = (journal: FileJournal): string[] =>
  journal.read(journal.firstSeq, 1e9).map(({ bytes }) => Buffer.from(bytes).toString().slice(0, 3));
const reserve = (): number => statSync(join(disk.dir, "reserve"), { throwIfNoEntry: false })?.size ?? 0;

interface Heard {
  readonly low: string[];
  readonly failures: JournalError[];
}

function listen(journal: FileJournal): Heard {
  const heard: Heard = { low: [], failures: [] };
  journal.onLow((why) => heard.low.push(why));
  journal.onFailure((error) => heard.failures.push(error));
  return heard;
}

async function write(journal: FileJournal, heard: Heard, ...records: string[]): Promise<void> {
  for (const record of records) {
    const seq = journal.append(Buffer.from(record.padEnd(500, ".")));
    journal.flush();
    await until(() => journal.durableSeq === seq || heard.failures.length > 0);
  }
}

describe("a disk that runs full", () => {
  it("costs the reserve, and no record: trimming makes room, and the reserve again", async () => {
    const journal = await open("create");
    const heard = listen(journal);
    await write(journal, heard, "r1", "r2", "r3");
    expect([journal.isLow, reserve()]).toEqual([false, RESERVE_BYTES]);
    disk.roomBytes = disk.usedBytes + 700;
    await write(journal, heard, "r4", "r5", "r6");
    expect(heard.low).toEqual([expect.stringContaining("ENOSPC")]);
    expect([heard.failures, journal.isLow, existsSync(join(disk.dir, "reserve"))]).toEqual([[], true, false]);
    expect(journal.durableSeq).toBe(6);
    // Trimmed, though there is no more room than for that.
    journal.trim(6);
    await until(() => readdirSync(disk.dir).filter((name) => name.endsWith(".journal")).length === 2);
    await write(journal, heard, "r7");
    disk.roomBytes = 30_000;
    journal.trim(7);
    await until(() => !journal.isLow);
    expect([journal.firstSeq, reserve(), heard.low.length]).toEqual([7, RESERVE_BYTES, 1]);
    await write(journal, heard, "r8");
    await journal.close();
    expect(contents(await open("existing"))).toEqual(["r7.", "r8."]);
  });

  it("beyond the reserve ends the journal with a remedy; what was durable opens when there is room", async () => {
    const journal = await open("create");
    const heard = listen(journal);
    await write(journal, heard, "r1", "r2");
    disk.roomBytes = disk.usedBytes + 300;
    await write(journal, heard, ...Array.from({ length: 20 }, (_, at) => `r${at + 3}`)).catch((error: JournalError) =>
      expect(error.code).toBe("io"),
    );
    const { durableSeq } = journal;
    expect(durableSeq).toBeGreaterThan(8);
    expect(durableSeq).toBeLessThan(14);
    expect([heard.failures[0]?.code, heard.failures[0]?.message]).toEqual([
      "io",
      expect.stringMatching(/ENOSPC.*make room on it and start again/),
    ]);
    await journal.close();
    disk.roomBytes = Number.POSITIVE_INFINITY;
    const again = await open("existing");
    expect(contents(again).map((content) => Number.parseInt(content.slice(1), 10))).toEqual(
      Array.from({ length: durableSeq }, (_, at) => at + 1),
    );
    // What did not fit any more was torn, and never acknowledged.
    expect(again.repairs).toMatchObject([{ seq: durableSeq + 1 }]);
    expect([again.isLow, reserve()]).toEqual([false, RESERVE_BYTES]);
    await again.close();
  });

  it("at a new segment or at the mark of a trimmed start is helped by the reserve too", async () => {
    const journal = await open("create");
    const heard = listen(journal);
    await write(journal, heard, "r1", "r2", "r3", "r4", "r5", "r6", "r7");
    disk.roomBytes = disk.usedBytes + 10;
    await write(journal, heard, "r8");
    expect([heard.low.length, heard.failures, journal.durableSeq]).toEqual([1, [], 8]);
    disk.roomBytes = Number.POSITIVE_INFINITY;
    journal.trim(9);
    await until(() => journal.firstSeq === 9 && !journal.isLow);
    await write(journal, heard, "r9", "ra", "rb");
    journal.trim(12);
    disk.roomBytes = disk.usedBytes + 10;
    await until(() => journal.firstSeq === 12);
    expect(heard.failures).toEqual([]);
    await journal.close();
  });

  it("is never an excuse to sync twice", async () => {
    const journal = await open("create");
    const heard = listen(journal);
    await write(journal, heard, "r1");
    const { syncData } = disk;
    let syncs = 0;
    disk.syncData = async () => {
      syncs++;
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    };
    await write(journal, heard, "r2");
    await journal.close();
    disk.syncData = syncData;
    expect([syncs, heard.failures[0]?.code, reserve()]).toEqual([1, "io", RESERVE_BYTES]);
    await expect(open("existing")).rejects.toMatchObject({ code: "damaged" });
  });

  it("at opening: low from the start, and the reserve comes with room", async () => {
    await (await open("create", { reserveBytes: 0 })).close();
    disk.roomBytes = disk.usedBytes + 2 * RESERVE_BYTES - 1;
    const journal = await open("existing");
    expect([journal.isLow, reserve()]).toEqual([true, 0]);
    const heard = listen(journal);
    disk.roomBytes = Number.POSITIVE_INFINITY;
    await write(journal, heard, "r1");
    journal.trim(2);
    await until(() => !journal.isLow);
    await journal.close();
    // Cut short by a crash while it was made: made again, of the size that is asked for.
    truncateSync(join(disk.dir, "reserve"), 10);
    await (await open("existing")).close();
    expect(reserve()).toBe(RESERVE_BYTES);
    await (await open("existing", { reserveBytes: 7_000 })).close();
    expect(reserve()).toBe(7_000);
    const without = await open("existing", { reserveBytes: 0 });
    expect([without.isLow, existsSync(join(disk.dir, "reserve"))]).toEqual([false, false]);
    await without.close();
  });
});
