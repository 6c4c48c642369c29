import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Journal, JournalError } from "@halon/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FileJournal, openJournalFile } from "../src/index.ts";
import { FaultyDisk, put, unsynced, until } from "./faulty-disk.ts";

// On a disk and a machine that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const IDENTITY = "c1/n1/1";
const RECORDS = ["first", "second, a little longer", "", "third", "4", "fifth", "the sixth of them", "7"];

let disk: FaultyDisk;
/** Where each record of the last segment ends. */
let boundaries: number[];
/** The mark of the end when so many records were durable. */
let ends: Buffer[];

const open = (mode: "create" | "existing" = "existing", identity = IDENTITY): Promise<FileJournal> =>
  openJournalFile({ dir: disk.dir, identity, mode, segmentBytesMax: 140, reserveBytes: 0, fileSystem: unsynced });
const contents = (journal: Journal): string[] => journal.read(1, 1e9).map(({ bytes }) => Buffer.from(bytes).toString());
const segments = (): string[] =>
  readdirSync(disk.dir)
    .filter((name) => name.endsWith(".journal"))
    .sort();
const pathOf = (name: string): string => join(disk.dir, name);
const refusal = (identity = IDENTITY): Promise<JournalError> =>
  open("existing", identity).then(
    (journal) => expect.unreachable(`opened with ${contents(journal).length} records`),
    (error: JournalError) => error,
  );

beforeEach(async () => {
  disk = new FaultyDisk();
  const journal = await open("create");
  let last = "";
  ends = [readFileSync(pathOf("end"))];
  for (const content of RECORDS) {
    const seq = journal.append(Buffer.from(content));
    journal.flush();
    await until(() => journal.durableSeq === seq);
    const name = segments().at(-1) as string;
    if (name !== last) boundaries = [];
    last = name;
    boundaries.push(statSync(pathOf(name)).size);
    ends.push(readFileSync(pathOf("end")));
  }
  await journal.close();
});
afterEach(() => disk.dispose());

describe("a damaged journal", () => {
  it("is spread over several segments, the last with several records", () => {
    expect(segments().length).toBeGreaterThanOrEqual(3);
    expect(boundaries.length).toBeGreaterThanOrEqual(2);
  });

  it("is refused for a flipped bit in any byte of any file, by name", async () => {
    for (const name of segments()) {
      const whole = readFileSync(pathOf(name));
      for (let at = 0; at < whole.length; at++) {
        const bit = at * 8 + ((at * 5) % 8);
        const flipped = Buffer.from(whole);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        put(pathOf(name), flipped);
        const error = await refusal();
        // Bits 64 to 95 are the format version.
        expect(error.code, `${name} bit ${bit}`).toBe(bit >= 64 && bit < 96 ? "version" : "damaged");
        expect(error.message).toContain(name);
      }
      put(pathOf(name), whole);
    }
    expect(contents(await open())).toEqual(RECORDS);
  });

  it("says file, offset, seq and remedy", async () => {
    const name = segments().at(-1) as string;
    const bytes = readFileSync(pathOf(name));
    bytes[bytes.length - 1] = 0;
    put(pathOf(name), bytes);
    const offset = boundaries.at(-2);
    expect((await refusal()).message).toMatch(
      new RegExp(`${name}: offset ${offset}: record ${RECORDS.length}: .*rejoin with a new incarnation`),
    );
  });

  it("is refused when a segment other than the last is cut anywhere", async () => {
    for (const name of segments().slice(0, -1)) {
      copyFileSync(pathOf(name), join(disk.dir, "..", "whole"));
      for (let size = statSync(pathOf(name)).size - 1; size >= 0; size--) {
        truncateSync(pathOf(name), size);
        expect((await refusal()).code, `${name} cut at ${size}`).toBe("damaged");
      }
      copyFileSync(join(disk.dir, "..", "whole"), pathOf(name));
    }
  });

  it("is refused when a segment is missing from its start or middle", async () => {
    for (const name of segments().slice(0, -1)) {
      const whole = readFileSync(pathOf(name));
      rmSync(pathOf(name));
      const error = await refusal();
      expect([error.code, error.message]).toEqual(["damaged", expect.stringMatching(`${name}: .* is missing`)]);
      put(pathOf(name), whole);
    }
  });

  it("is refused when it lost all segments, or everything", async () => {
    for (const name of segments()) rmSync(pathOf(name));
    writeFileSync(pathOf("note.txt"), "somebody was here");
    expect((await refusal()).code).toBe("damaged");
    rmSync(disk.dir, { recursive: true });
    const error = await refusal();
    expect([error.code, error.message]).toEqual(["missing", expect.stringContaining(IDENTITY)]);
  });

  it("is refused when a segment comes from another time of the same journal", async () => {
    const copy = join(disk.dir, "..", "copy");
    cpSync(disk.dir, copy, { recursive: true });
    const [first, second] = segments() as [string, string];
    for (const name of segments().slice(1)) rmSync(pathOf(name));
    truncateSync(pathOf(first), statSync(pathOf(first)).size - 1);
    put(pathOf("end"), ends[1] as Buffer);
    const journal = await open();
    journal.append(Buffer.from("!"));
    await journal.close();
    expect(segments()).toEqual([first]);
    copyFileSync(join(copy, second), pathOf(second));
    expect((await refusal()).code).toBe("damaged");
    // Nor when it has no records yet that could tell.
    truncateSync(pathOf(second), 28 + IDENTITY.length + 4);
    expect((await refusal()).code).toBe("damaged");
  });

  it("of another identity is refused, naming both", async () => {
    const error = await refusal("c1/n2/1");
    expect([error.code, error.message]).toEqual(["foreign", expect.stringMatching(/c1\/n1\/1.*c1\/n2\/1/)]);
  });
});

describe("an incomplete last record", () => {
  it("is cut off and reported, wherever it ends, and the journal goes on", async () => {
    const name = segments().at(-1) as string;
    const whole = readFileSync(pathOf(name));
    const before = RECORDS.length - boundaries.length;
    const header = whole.length - RECORDS.slice(before).reduce((sum, content) => sum + 20 + content.length, 0);
    for (let size = whole.length; size >= 0; size--) {
      const left = before + boundaries.filter((boundary) => boundary <= size).length;
      put(pathOf(name), whole.subarray(0, size));
      put(pathOf("end"), ends[left] as Buffer);
      if (size < header) {
        expect((await refusal()).code, `cut at ${size}`).toBe("damaged");
        continue;
      }
      const journal = await open();
      const end = [header, ...boundaries].findLast((boundary) => boundary <= size) as number;
      expect(contents(journal)).toEqual(RECORDS.slice(0, left));
      expect(journal.repairs).toEqual(
        end === size ? [] : [{ file: pathOf(name), offset: end, seq: left + 1, bytesCut: size - end }],
      );
      expect(journal.append(Buffer.from("more"))).toBe(left + 1);
      await journal.close();
      const again = await open();
      expect(contents(again)).toEqual([...RECORDS.slice(0, left), "more"]);
      expect(again.repairs).toEqual([]);
      await again.close();
      for (const extra of segments().filter((other) => other > name)) rmSync(pathOf(extra));
    }
  });

  it("or several are no torn write when they were durable: refused wherever the end is cut, or dropped", async () => {
    const name = segments().at(-1) as string;
    const whole = readFileSync(pathOf(name));
    for (let size = whole.length - 1; size >= 0; size--) {
      truncateSync(pathOf(name), size);
      expect((await refusal()).code, `cut at ${size}`).toBe("damaged");
    }
    for (const gone of [...segments()].reverse()) {
      rmSync(pathOf(gone));
      expect((await refusal()).code, `without ${gone}`).toBe("damaged");
    }
  });
});

describe("the mark of the end", () => {
  it("that is older, as after power loss, is no harm; one that names another record is", async () => {
    for (const end of ends) {
      put(pathOf("end"), end);
      const journal = await open();
      expect(contents(journal)).toEqual(RECORDS);
      await journal.close();
    }
    const elsewhere = new FaultyDisk();
    const other = await openJournalFile({ dir: elsewhere.dir, identity: IDENTITY, mode: "create", reserveBytes: 0 });
    for (const content of ["other", "things"]) other.append(Buffer.from(content));
    await other.close();
    copyFileSync(join(elsewhere.dir, "end"), pathOf("end"));
    elsewhere.dispose();
    const error = await refusal();
    expect([error.code, error.message]).toEqual([
      "damaged",
      expect.stringContaining("record 2: another one was durable"),
    ]);
  });

  it("is refused when it is missing or both of its slots are bad; with one flipped bit all records are there", async () => {
    const whole = readFileSync(pathOf("end"));
    for (let at = 0; at < whole.length; at += at < 16 || at >= 512 ? 1 : 31) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] as number) ^ (1 << (at & 7));
      put(pathOf("end"), flipped);
      const journal = await open();
      expect(contents(journal)).toEqual(RECORDS);
      await journal.close();
    }
    for (const bytes of [Buffer.alloc(whole.length), Buffer.alloc(0), whole.subarray(0, 15)]) {
      put(pathOf("end"), bytes);
      expect((await refusal()).code).toBe("damaged");
    }
    rmSync(pathOf("end"));
    expect((await refusal()).code).toBe("damaged");
  });
});
