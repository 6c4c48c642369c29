import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { JournalError } from "@halon/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FileJournal, inspectJournal, openJournalFile, repairJournal, verifyJournal } from "../src/index.ts";
import { FaultyDisk, Kept, put, unsynced, until } from "./faulty-disk.ts";

// On a disk and a machine that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const IDENTITY = "c1/n1/1";
const LAST = 16;

let disk: FaultyDisk;
/** The mark of the end when all but the last record were durable. */
let endBefore: Buffer;
let firstSeq: number;

const open = (mode: "create" | "existing" = "existing"): Promise<FileJournal> =>
  openJournalFile({
    dir: disk.dir,
    identity: IDENTITY,
    mode,
    segmentBytesMax: 150,
    reserveBytes: 100,
    fileSystem: unsynced,
  });
const names = (dir = disk.dir): string[] => readdirSync(dir).sort();
const segments = (): string[] => names().filter((name) => name.endsWith(".journal"));
const pathOf = (name: string): string => join(disk.dir, name);
const all = (): string[] => Array.from({ length: LAST - firstSeq + 1 }, (_, at) => `record ${firstSeq + at}`);
const content = (dir = disk.dir): Map<string, string> =>
  new Map(names(dir).map((name) => [name, readFileSync(join(dir, name), "latin1")]));
const codeOf = (tried: Promise<unknown>): Promise<string> =>
  tried.then(
    () => "none",
    (error: JournalError) => error.code,
  );

async function readable(): Promise<string[]> {
  const found: string[] = [];
  await inspectJournal(disk.dir, { visit: ({ bytes }) => found.push(Buffer.from(bytes).toString()) });
  return found;
}

function flip(name: string, at: number): void {
  const bytes = readFileSync(pathOf(name));
  bytes[at] = (bytes[at] as number) ^ 4;
  put(pathOf(name), bytes);
}

beforeEach(async () => {
  disk = new FaultyDisk();
  const journal = await open("create");
  for (let at = 1; at <= LAST; at++) {
    endBefore = readFileSync(pathOf("end"));
    const seq = journal.append(Buffer.from(`record ${at}`));
    journal.flush();
    await until(() => journal.durableSeq === seq);
    if (at !== 9) continue;
    journal.trim(6);
    await until(() => journal.firstSeq > 3);
  }
  firstSeq = journal.firstSeq;
  await journal.close();
});
afterEach(() => disk.dispose());

describe("inspecting", () => {
  it("tells all about a journal, and changes nothing", async () => {
    const before = content();
    const inspection = await inspectJournal(disk.dir);
    expect(inspection).toMatchObject({
      dir: disk.dir,
      identity: IDENTITY,
      startSeq: firstSeq,
      durableSeq: LAST,
      failed: undefined,
      reserveBytes: 100,
      findings: [],
    });
    expect(inspection.segments.map(({ file }) => basename(file))).toEqual(segments());
    expect(inspection.segments.at(-1)?.lastSeq).toBe(LAST);
    expect(inspection.bytesCount).toBe(segments().reduce((sum, name) => sum + statSync(pathOf(name)).size, 0));
    expect(await verifyJournal(disk.dir)).toEqual({
      recordsCount: LAST - firstSeq + 1,
      bytesCount: inspection.bytesCount,
      isIntact: true,
      findings: [],
    });
    expect(await readable()).toEqual(all());
    expect(content()).toEqual(before);
  });

  it("refuses a journal in use, and a directory without one", async () => {
    const journal = await open();
    for (const tool of [inspectJournal, verifyJournal, repairJournal])
      expect(await codeOf(tool(disk.dir))).toBe("in-use");
    await journal.close();
    for (const dir of [join(disk.dir, "absent"), join(disk.dir, ".."), pathOf("end")])
      expect(await codeOf(inspectJournal(dir))).toBe("missing");
  });

  it("says where a record is damaged, and goes on behind it", async () => {
    const [first, second] = segments() as [string, string];
    const at = statSync(pathOf(second)).size - 3;
    flip(second, at);
    const { findings, recordsCount } = await verifyJournal(disk.dir);
    expect(findings).toMatchObject([
      { file: pathOf(second), severity: "damaged", what: expect.stringContaining("checksum") },
    ]);
    expect(recordsCount).toBe(all().length - 1);
    rmSync(pathOf(first));
    expect((await verifyJournal(disk.dir)).findings.map(({ file, seq }) => [basename(file), seq])).toEqual([
      [first, firstSeq],
      [second, findings[0]?.seq],
    ]);
  });

  it("finds what opening refuses, for a flip, a cut or a loss anywhere, and nothing where it opens", async () => {
    const kept = new Kept(disk.dir);
    const look = async (what: string): Promise<void> => {
      const { findings } = await verifyJournal(disk.dir).catch((error: JournalError) => ({
        findings: [{ severity: error.code }],
      }));
      const refusal = await open().then(
        (journal) => journal.close(),
        (error: JournalError) => error.code,
      );
      const isWorse = findings.some(({ severity }) => severity !== "torn");
      expect(isWorse, `${what}: ${refusal} and ${JSON.stringify(findings)}`).toBe(refusal !== undefined);
      kept.putBack();
    };
    for (const name of names().filter((each) => each !== "reserve")) {
      const { size } = statSync(pathOf(name));
      for (let at = 0; at < size; at += name === "end" ? 11 : 3) {
        flip(name, at);
        await look(`${name} flipped at ${at}`);
        truncateSync(pathOf(name), at);
        await look(`${name} cut at ${at}`);
      }
      rmSync(pathOf(name));
      await look(`${name} dropped`);
    }
  });
});

describe("repairing", () => {
  it("has nothing to do where nothing is wrong", async () => {
    const before = content();
    expect(await repairJournal(disk.dir, { yes: true })).toEqual({
      findings: [],
      steps: [],
      isDone: true,
      isUsable: true,
    });
    expect(content()).toEqual(before);
  });

  it("plans without writing; cuts a torn record with yes, keeping a copy, and the journal opens", async () => {
    const last = segments().at(-1) as string;
    const { size } = statSync(pathOf(last));
    truncateSync(pathOf(last), size - 1);
    writeFileSync(pathOf("end"), endBefore);
    const before = content();
    const plan = await repairJournal(disk.dir);
    const bytesCut = 20 + `record ${LAST}`.length - 1;
    const copy = `${disk.dir}.copy-1`;
    expect(plan).toMatchObject({
      findings: [{ severity: "torn", seq: LAST }],
      steps: [
        { kind: "copy", to: copy },
        { kind: "cut", file: pathOf(last), offset: size - 1 - bytesCut, bytesCut },
      ],
      isDone: false,
      isUsable: true,
    });
    expect([content(), existsSync(copy)]).toEqual([before, false]);
    expect(await repairJournal(disk.dir, { yes: true })).toEqual({ ...plan, isDone: true });
    before.delete("reserve");
    expect(content(copy)).toEqual(before);
    const journal = await open();
    expect([journal.durableSeq, journal.repairs]).toEqual([LAST - 1, []]);
    await journal.close();
  });

  it("cuts at a damage in the middle, and the journal never opens again, but can be read", async () => {
    const [first, second] = segments() as [string, string];
    flip(second, statSync(pathOf(second)).size - 3);
    const before = content();
    const repair = await repairJournal(disk.dir, { yes: true });
    expect(repair.isUsable).toBe(false);
    const seq = repair.findings[0]?.seq as number;
    expect(repair.steps.map(({ kind }) => kind)).toEqual([
      "copy",
      "mark-failed",
      ...Array.from({ length: before.size - 5 }, () => "remove"),
      "cut",
    ]);
    expect(segments()).toEqual([first, second]);
    expect(await readable()).toEqual(all().slice(0, seq - firstSeq));
    expect(await codeOf(open())).toBe("damaged");
    expect((await inspectJournal(disk.dir)).failed).toMatch(new RegExp(`repaired: .*${second}`));
    before.delete("reserve");
    expect(content(`${disk.dir}.copy-1`)).toEqual(before);
    expect((await repairJournal(disk.dir)).steps).toEqual([]);
  });

  it("of a segment that is gone or begins badly keeps what is before it", async () => {
    const [, second] = segments() as [string, string];
    const { segments: inspected } = await inspectJournal(disk.dir);
    const kept = all().slice(0, (inspected[1]?.firstSeq as number) - firstSeq);
    flip(second, 30);
    await repairJournal(disk.dir, { yes: true });
    expect(await readable()).toEqual(kept);
    rmSync(disk.dir, { recursive: true });
    cpSync(`${disk.dir}.copy-1`, disk.dir, { recursive: true });
    rmSync(pathOf(second));
    expect((await repairJournal(disk.dir, { yes: true })).isUsable).toBe(false);
    expect(await readable()).toEqual(kept);
    expect(await codeOf(open())).toBe("damaged");
  });

  it("of records that were durable and are gone marks the journal, so that nobody takes it for an older one", async () => {
    rmSync(pathOf(segments().at(-1) as string));
    const { steps, isUsable } = await repairJournal(disk.dir, { yes: true });
    expect([steps.map(({ kind }) => kind), isUsable]).toEqual([["copy", "mark-failed"], false]);
    writeFileSync(pathOf("end"), endBefore);
    expect(await codeOf(open())).toBe("damaged");
  });

  it("leaves another format alone", async () => {
    flip(segments().at(-1) as string, 8);
    expect((await verifyJournal(disk.dir)).findings).toMatchObject([{ severity: "version" }]);
    expect(await codeOf(repairJournal(disk.dir, { yes: true }))).toBe("version");
  });
});
