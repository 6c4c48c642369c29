import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Journal, JournalError } from "@halon/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FileJournal, type FileJournalOptions, openJournalFile } from "../src/index.ts";
import { FaultyDisk, until } from "./faulty-disk.ts";

// On a disk and a machine that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

let disk: FaultyDisk;
beforeEach(() => {
  disk = new FaultyDisk();
});
afterEach(() => disk.dispose());

const open = (mode: "create" | "existing", options: Partial<FileJournalOptions> = {}): Promise<FileJournal> =>
  openJournalFile({ dir: disk.dir, identity: "c1/n1/1", mode, fileSystem: disk, reserveBytes: 0, ...options });
const contents = (journal: Journal): string[] => journal.read(1, 1e9).map(({ bytes }) => Buffer.from(bytes).toString());
const refusal = async (opening: Promise<unknown>): Promise<JournalError> =>
  opening.then(
    () => expect.unreachable("opened"),
    (error: JournalError) => error,
  );
const failuresOf = (journal: Journal): JournalError[] => {
  const failures: JournalError[] = [];
  journal.onFailure((error) => failures.push(error));
  return failures;
};
const write = async (journal: Journal, ...records: string[]): Promise<void> => {
  for (const content of records) journal.append(Buffer.from(content));
  journal.flush();
  await until(() => journal.durableSeq === journal.writtenSeq);
};

describe("a disk that fails", () => {
  it("at a sync ends the journal for good, and it is never opened again", async () => {
    const journal = await open("create");
    await write(journal, "a", "b");
    const failures = failuresOf(journal);
    disk.failNext("syncData");
    journal.append(Buffer.from("c"));
    journal.flush();
    await until(() => failures.length > 0);
    const syncs = disk.calls.syncData;
    expect(failures[0]?.code).toBe("io");
    expect(journal.durableSeq).toBe(2);
    expect(() => journal.append(Buffer.from("d"))).toThrow(expect.objectContaining({ code: "io" }));
    journal.flush();
    await journal.close();
    expect([failures.length, disk.calls.syncData, journal.durableSeq]).toEqual([1, syncs, 2]);
    const error = await refusal(open("existing"));
    expect([error.code, error.message]).toEqual(["damaged", expect.stringContaining("EIO")]);
  });

  it("at a sync of a new segment, or of its directory, does the same", async () => {
    for (const call of ["syncData", "syncDir"] as const) {
      disk.dispose();
      disk = new FaultyDisk();
      const journal = await open("create", { segmentBytesMax: 100 });
      await write(journal, "x".repeat(50));
      const failures = failuresOf(journal);
      disk.failNext(call);
      journal.append(Buffer.from("y".repeat(50)));
      journal.flush();
      await until(() => failures.length > 0);
      expect(journal.durableSeq).toBe(1);
      await journal.close();
      expect((await refusal(open("existing"))).code).toBe("damaged");
    }
  });

  it("at a write ends the journal, but what was durable can be opened", async () => {
    const journal = await open("create");
    await write(journal, "a");
    const failures = failuresOf(journal);
    disk.failNext("write");
    journal.append(Buffer.from("b"));
    journal.flush();
    await until(() => failures.length > 0);
    await journal.close();
    expect(failures.map(({ code }) => code)).toEqual(["io"]);
    expect(contents(await open("existing"))).toEqual(["a"]);
  });

  it("writing a few bytes at a time slows it down, no more", async () => {
    disk.pieceBytesMax = 7;
    const journal = await open("create");
    await write(journal, "a", "b".repeat(100), "c");
    await journal.close();
    expect(disk.calls.write).toBeGreaterThan(20);
    expect(contents(await open("existing"))).toEqual(["a", "b".repeat(100), "c"]);
  });

  it("writing a part and then failing leaves a torn record, which is cut", async () => {
    const journal = await open("create");
    await write(journal, "a");
    const failures = failuresOf(journal);
    disk.pieceBytesMax = 25;
    const { write: writeBytes } = disk;
    disk.write = async (...call) => {
      disk.write = async () => {
        throw new Error("ENOSPC: no space left on device");
      };
      return writeBytes.apply(disk, call);
    };
    journal.append(Buffer.from("b".repeat(100)));
    journal.flush();
    await until(() => failures.length > 0);
    await journal.close();
    disk.write = writeBytes;
    const again = await open("existing");
    expect(contents(again)).toEqual(["a"]);
    expect(again.repairs).toMatchObject([{ seq: 2, bytesCut: 25 }]);
  });

  it("that is too slow is reported, not outrun", async () => {
    const journal = await open("create", { unflushedBytesMax: 1_000 });
    const failures = failuresOf(journal);
    await write(journal, "x".repeat(900));
    await write(journal, "x".repeat(900));
    for (let count = 0; count < 8; count++) journal.append(new Uint8Array(100));
    expect(() => journal.append(new Uint8Array(100))).toThrow(expect.objectContaining({ code: "io" }));
    await until(() => failures.length > 0);
    expect(failures[0]?.message).toContain("unflushedBytesMax 1000");
    await journal.close();
  });

  it("changing a byte under an open journal is noticed when it is read", async () => {
    const journal = await open("create");
    await write(journal, "good", "bad");
    const path = join(disk.dir, readdirSync(disk.dir).find((name) => name.endsWith(".journal")) as string);
    const bytes = readFileSync(path);
    bytes.write("BAD", bytes.length - 3);
    writeFileSync(path, bytes);
    expect(() => journal.read(1, 100)).toThrow(expect.objectContaining({ code: "damaged" }));
    expect(() => journal.append(bytes)).toThrow(expect.objectContaining({ code: "damaged" }));
    await journal.close();
  });
});

describe("a directory", () => {
  it("in use is refused by name, and free again after closing", async () => {
    const journal = await open("create");
    const error = await refusal(open("existing"));
    expect([error.code, error.message]).toEqual([
      "in-use",
      expect.stringMatching(new RegExp(`${disk.dir} is in use by process ${process.pid}`)),
    ]);
    await write(journal, "still mine");
    await journal.close();
    await (await open("existing")).close();
    expect(readdirSync(disk.dir).filter((name) => name.startsWith("claim."))).toEqual([]);
  });

  it("claimed by a process that is dead, or from before a reboot, is free", async () => {
    const journal = await open("create");
    const mine = readdirSync(disk.dir).find((name) => name.startsWith("claim.")) as string;
    await journal.close();
    const [, , startTicks, bootId] = mine.split(".") as [string, string, string, string];
    const child = spawn("true");
    await once(child, "exit");
    const dead = [
      `claim.${child.pid}.${startTicks}.${bootId}.a`,
      `claim.${process.pid}.${Number(startTicks) + 1}.${bootId}.b`,
      `claim.${process.pid}.${startTicks}.${bootId.replace(/^./, (first) => (first === "0" ? "1" : "0"))}.c`,
    ];
    for (const name of dead) writeFileSync(join(disk.dir, name), "");
    await (await open("existing")).close();
    writeFileSync(join(disk.dir, `claim.${process.pid}.${startTicks}.${bootId}.d`), "");
    expect((await refusal(open("existing"))).code).toBe("in-use");
  });

  it("with anything in it is not created in, but a creation that was cut short is repeated", async () => {
    mkdirSync(disk.dir, { recursive: true });
    writeFileSync(join(disk.dir, "other"), "");
    const error = await refusal(open("create"));
    expect([error.code, error.message]).toEqual(["not-empty", expect.stringContaining("other")]);
    renameSync(join(disk.dir, "other"), join(disk.dir, "0000000000000001.journal.unfinished"));
    expect((await refusal(open("existing"))).code).toBe("missing");
    await (await open("create")).close();
    await (await open("existing")).close();
  });

  it("that cannot be used is an io error", async () => {
    writeFileSync(disk.dir, "a file");
    expect((await refusal(open("existing"))).code).toBe("io");
  });
});
