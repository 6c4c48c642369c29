import { type Journal, type JournalError, VirtualClock } from "@halon/runtime";
import { type JournalHarness, journalConformance } from "@halon/runtime/conformance";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryDisk, openJournalMemory } from "../src/index.ts";

const clock = new VirtualClock();

const harnessOf = (segmentRecords: number): JournalHarness => ({
  async fresh() {
    const disk = new MemoryDisk();
    let crashes = 0;
    return {
      open: async (mode) =>
        openJournalMemory({
          disk,
          clock,
          flushMs: () => (crashes + 1) * 0.3,
          mode,
          identity: "c/n1/1",
          segmentRecords,
        }),
      crash: async () => disk.crash(crashes++ * 3),
    };
  },
  async until(condition) {
    while (!condition()) if (!clock.step()) throw new Error("nothing is left to happen");
  },
});

describe.each([1, 8])("trimmed by %i records", (segmentRecords) => {
  journalConformance({ describe, it, expect }, harnessOf(segmentRecords));
});

const bytesOf = (content: string): Uint8Array => Buffer.from(content);
const contents = (journal: Journal): string[] => journal.read(1, 1e9).map(({ bytes }) => Buffer.from(bytes).toString());

interface Setup {
  readonly clock: VirtualClock;
  readonly disk: MemoryDisk;
  readonly open: (mode?: "create" | "existing", identity?: string) => Journal;
}

function setup(): Setup {
  const disk = new MemoryDisk();
  const clock = new VirtualClock();
  return {
    clock,
    disk,
    open: (mode = "existing", identity = "c/n1/1") => openJournalMemory({ disk, clock, flushMs: 2, mode, identity }),
  };
}

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as JournalError).code;
  }
  return "none";
};

describe("memory journal", () => {
  it("takes the flush latency, and one flush at a time", () => {
    const { clock, open } = setup();
    const journal = open("create");
    const told: string[] = [];
    journal.onDurable((seq) => told.push(`${clock.nowMs()}:${seq}`));
    journal.append(bytesOf("a"));
    journal.flush();
    clock.runUntil(1);
    journal.append(bytesOf("b"));
    journal.flush();
    clock.runUntil(10);
    expect(told).toEqual(["2:1", "4:2"]);
  });

  it("loses in a crash what the caller says, and only what was not durable", () => {
    fc.assert(
      fc.property(fc.nat(5), fc.nat(5), fc.nat(5), fc.nat(12), (durable, asked, written, keep) => {
        const { clock, disk, open } = setup();
        const journal = open("create");
        const append = (count: number): void => {
          for (let at = 0; at < count; at++) journal.append(bytesOf(`r${journal.writtenSeq + 1}`));
        };
        append(durable);
        journal.flush();
        clock.runUntil(10);
        append(asked);
        journal.flush();
        append(written);
        journal.onDurable(() => expect.unreachable("called back after the crash"));
        disk.crash(keep);
        clock.runUntil(20);
        expect(codeOf(() => journal.append(bytesOf("x")))).toBe("closed");
        const left = durable + Math.min(keep, asked);
        expect(contents(open())).toEqual(Array.from({ length: left }, (_, at) => `r${at + 1}`));
      }),
    );
  });

  it("fails for good with a failed flush, and is refused ever after", () => {
    const { clock, disk, open } = setup();
    const journal = open("create");
    const failures: string[] = [];
    journal.onFailure((error) => failures.push(error.code));
    journal.append(bytesOf("a"));
    disk.failNextFlush();
    journal.flush();
    clock.runUntil(10);
    expect(failures).toEqual(["io"]);
    expect(journal.durableSeq).toBe(0);
    expect(codeOf(() => journal.append(bytesOf("b")))).toBe("io");
    journal.flush();
    clock.runUntil(20);
    expect([journal.durableSeq, failures.length]).toEqual([0, 1]);
    disk.crash();
    expect(codeOf(() => open())).toBe("damaged");
  });

  it("refuses a record with a flipped bit, wherever it is", () => {
    const { disk, open } = setup();
    const journal = open("create");
    for (const content of ["abc", "def"]) journal.append(bytesOf(content));
    void journal.close();
    for (const seq of [1, 2])
      for (let bit = 0; bit < 24; bit++) {
        disk.flipBit(seq, bit);
        expect(codeOf(() => open())).toBe("damaged");
        disk.flipBit(seq, bit);
      }
    expect(contents(open())).toEqual(["abc", "def"]);
  });

  it("refuses a foreign identity, a second opening and a wiped disk", () => {
    const { disk, open } = setup();
    void open("create").close();
    expect(codeOf(() => open("existing", "c/n2/1"))).toBe("foreign");
    const journal = open();
    expect(codeOf(() => open())).toBe("in-use");
    disk.wipe();
    expect(codeOf(() => journal.append(bytesOf("x")))).toBe("closed");
    expect(codeOf(() => open())).toBe("missing");
  });

  it("brings back what was trimmed when it crashes before the disk has let go", () => {
    const { clock, disk, open } = setup();
    const journal = open("create");
    for (const content of ["a", "b", "c"]) journal.append(bytesOf(content));
    journal.flush();
    clock.runUntil(10);
    journal.trim(3);
    expect([journal.firstSeq, journal.bytesCount]).toEqual([3, 3]);
    clock.runUntil(11);
    disk.crash();
    const again = open();
    expect(contents(again)).toEqual(["a", "b", "c"]);
    again.trim(3);
    clock.runUntil(20);
    expect([again.firstSeq, again.bytesCount, disk.firstSeq]).toEqual([3, 1, 3]);
    disk.crash();
    const last = open();
    expect(last.read(3, 10).map(({ seq }) => seq)).toEqual([3]);
    disk.crash();
    for (let bit = 0; bit < 8; bit++) {
      disk.flipBit(3, bit);
      expect(codeOf(() => open())).toBe("damaged");
      disk.flipBit(3, bit);
    }
  });

  it("that is full fails a flush, and no more", () => {
    const { clock, disk, open } = setup();
    const journal = open("create");
    journal.append(bytesOf("a"));
    journal.flush();
    clock.runUntil(10);
    disk.isFull = true;
    const failures: string[] = [];
    journal.onFailure(({ code }) => failures.push(code));
    journal.append(bytesOf("b"));
    journal.flush();
    clock.runUntil(20);
    expect([failures, journal.durableSeq]).toEqual([["io"], 1]);
    disk.crash();
    disk.isFull = false;
    expect(contents(open())).toEqual(["a"]);
  });
});
