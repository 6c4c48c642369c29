import { type Journal, RECORD_BYTES_MAX } from "../journal.ts";
import type { Random } from "../random.ts";
import { bytesOf, type JournalHarness, readAll, text } from "./journal-harness.ts";
import { trimming } from "./journal-trimming.ts";
import { codeRejected, codeThrown, patterned, pick, type SuiteApi, seededRandom, type Until } from "./suite.ts";

const SEEDS = 12;
const STEPS = 60;

/** What a {@link Journal} promises. Every adapter runs it. */
export function journalConformance(api: SuiteApi, harness: JournalHarness): void {
  api.describe("journal conformance", () => {
    appending(api, harness);
    reading(api, harness);
    durability(api, harness);
    reopening(api, harness);
    trimming(api, harness);
    crashing(api, harness);
  });
}

function appending({ it, expect }: SuiteApi, { fresh }: JournalHarness): void {
  it("counts records from 1 without gaps and hands them out in order", async () => {
    const journal = await (await fresh()).open("create");
    expect(journal.writtenSeq).toBe(0);
    expect(journal.durableSeq).toBe(0);
    expect(journal.read(1, 1000)).toEqual([]);
    expect(["a", "b", "c"].map((content) => journal.append(bytesOf(content)))).toEqual([1, 2, 3]);
    expect(journal.writtenSeq).toBe(3);
    expect(journal.read(1, 1000).map(text)).toEqual(["1:a", "2:b", "3:c"]);
    await journal.close();
  });

  it("appends a copy, and hands out copies", async () => {
    const journal = await (await fresh()).open("create");
    const mine = Uint8Array.of(1, 2, 3);
    journal.append(mine);
    mine.fill(9);
    journal.read(1, 10)[0]?.bytes.fill(8);
    expect([...(journal.read(1, 10)[0]?.bytes ?? [])]).toEqual([1, 2, 3]);
    await journal.close();
  });

  it("takes records of zero and of RECORD_BYTES_MAX bytes, refuses a larger one and goes on", async () => {
    const place = await fresh();
    const journal = await place.open("create");
    journal.append(new Uint8Array(0));
    journal.append(patterned(RECORD_BYTES_MAX, 5));
    expect(codeThrown(() => journal.append(new Uint8Array(RECORD_BYTES_MAX + 1)))).toBe("too-large");
    expect(journal.append(bytesOf("next"))).toBe(3);
    await journal.close();
    const again = await place.open("existing");
    const records = readAll(again);
    expect(records.map((record) => record.bytes.length)).toEqual([0, RECORD_BYTES_MAX, 4]);
    expect(Buffer.compare(records[1]?.bytes ?? bytesOf(""), patterned(RECORD_BYTES_MAX, 5))).toBe(0);
    await again.close();
  });

  it("refuses everything once closed", async () => {
    const journal = await (await fresh()).open("create");
    await journal.close();
    await journal.close();
    expect(codeThrown(() => journal.append(bytesOf("late")))).toBe("closed");
    expect(codeThrown(() => journal.read(1, 10))).toBe("closed");
  });
}

function reading({ it, expect }: SuiteApi, { fresh, until }: JournalHarness): void {
  it("reads as many records as fit, at least one, from durable and from merely written ones", async () => {
    const journal = await (await fresh()).open("create");
    for (const content of ["aaaa", "bbbb", "cccc"]) journal.append(bytesOf(content));
    journal.flush();
    await until(() => journal.durableSeq === 3);
    for (const content of ["dddd", "eeee"]) journal.append(bytesOf(content));
    const seqs = (fromSeq: number, bytesMax: number): number[] => journal.read(fromSeq, bytesMax).map(({ seq }) => seq);
    expect(seqs(1, 0)).toEqual([1]);
    expect(seqs(1, 7)).toEqual([1]);
    expect(seqs(1, 8)).toEqual([1, 2]);
    expect(seqs(2, 16)).toEqual([2, 3, 4, 5]);
    expect(seqs(3, 8)).toEqual([3, 4]);
    expect(seqs(5, 1000)).toEqual([5]);
    expect(seqs(6, 1000)).toEqual([]);
    await journal.close();
  });

  it("finds any record again from any place", async () => {
    const journal = await (await fresh()).open("create");
    const random = seededRandom(1);
    const appended: string[] = [];
    for (let seq = 1; seq <= 200; seq++) {
      const bytes = patterned(pick(random, 3000), seq);
      journal.append(bytes);
      appended.push(text({ seq, bytes }));
      if (pick(random, 20) === 0) journal.flush();
    }
    journal.flush();
    await until(() => journal.durableSeq === 200);
    for (let round = 0; round < 60; round++) {
      const fromSeq = 1 + pick(random, 200);
      const records = journal.read(fromSeq, pick(random, 20_000));
      expect(records.map(text)).toEqual(appended.slice(fromSeq - 1, fromSeq - 1 + records.length));
    }
    expect(readAll(journal).map(text)).toEqual(appended);
    await journal.close();
  });
}

function durability({ it, expect }: SuiteApi, { fresh, until }: JournalHarness): void {
  it("tells written from durable, a prefix that only grows, and calls back from outside", async () => {
    const journal = await (await fresh()).open("create");
    const told: number[] = [];
    let calling = false;
    let calledFromWithin = false;
    journal.onDurable((seq) => {
      calledFromWithin ||= calling;
      expect(seq).toBe(journal.durableSeq);
      told.push(seq);
    });
    for (let seq = 1; seq <= 50; seq++) {
      calling = true;
      journal.append(bytesOf(`record ${seq}`));
      expect(journal.durableSeq).toBeLessThanOrEqual(seq - 1);
      if (seq % 3 === 0) journal.flush();
      calling = false;
      const durableSeq = journal.durableSeq;
      if (seq % 10 === 0) await until(() => journal.durableSeq > durableSeq);
    }
    journal.flush();
    await until(() => journal.durableSeq === 50);
    expect(calledFromWithin).toBe(false);
    expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(50);
    await journal.close();
  });

  it("merges flushes asked for while one is under way", async () => {
    const journal = await (await fresh()).open("create");
    let flushes = 0;
    journal.onDurable(() => flushes++);
    for (let seq = 1; seq <= 500; seq++) {
      journal.append(bytesOf(`record ${seq}`));
      journal.flush();
    }
    await until(() => journal.durableSeq === 500);
    // A handful of writes may be needed for the size of it, but not one per flush.
    expect(flushes).toBeLessThanOrEqual(25);
    await journal.close();
  });

  it("flushes when it closes", async () => {
    const place = await fresh();
    const journal = await place.open("create");
    for (const content of ["a", "b"]) journal.append(bytesOf(content));
    await journal.close();
    const again = await place.open("existing");
    expect(readAll(again).map(text)).toEqual(["1:a", "2:b"]);
    await again.close();
  });
}

function reopening({ it, expect }: SuiteApi, { fresh, until }: JournalHarness): void {
  it("has all records after reopening, all of them durable, and goes on counting", async () => {
    const place = await fresh();
    let journal = await place.open("create");
    const expected: string[] = [];
    for (let round = 0; round < 4; round++) {
      for (let count = 0; count < 5; count++) expected.push(`${journal.append(bytesOf(`r${round}`))}:r${round}`);
      journal.flush();
      await until(() => journal.durableSeq === journal.writtenSeq);
      await journal.close();
      journal = await place.open("existing");
      expect([journal.writtenSeq, journal.durableSeq]).toEqual([expected.length, expected.length]);
      expect(readAll(journal).map(text)).toEqual(expected);
    }
    await journal.close();
  });

  it("creates only where nothing is, and finds only what was created", async () => {
    const place = await fresh();
    expect(await codeRejected(() => place.open("existing"))).toBe("missing");
    await (await place.open("create")).close();
    expect(await codeRejected(() => place.open("create"))).toBe("not-empty");
    await (await place.open("existing")).close();
  });
}

function crashing({ describe, it, expect }: SuiteApi, { fresh, until }: JournalHarness): void {
  describe("after crashes a prefix is left that has all durable records", () => {
    for (let seed = 1; seed <= SEEDS; seed++)
      it(`seed ${seed}`, async () => {
        const place = await fresh();
        if (place.crash === undefined) return;
        const random = seededRandom(seed);
        let expected: string[] = [];
        let neededSeq = 1;
        let journal = await place.open("create");
        for (let life = 0; life < 4; life++) {
          const lived = await live(journal, expected, random, until);
          const { durableSeq } = lived;
          neededSeq = Math.max(neededSeq, lived.neededSeq);
          await place.crash();
          journal = await place.open("existing");
          expect(journal.firstSeq, "what is needed is there").toBeLessThanOrEqual(neededSeq);
          expect(journal.writtenSeq).toBeGreaterThanOrEqual(durableSeq);
          expect(journal.writtenSeq).toBeLessThanOrEqual(expected.length);
          expect(journal.durableSeq).toBe(journal.writtenSeq);
          expected = expected.slice(0, journal.writtenSeq);
          expect(readAll(journal).map(text)).toEqual(expected.slice(journal.firstSeq - 1));
        }
        await journal.close();
      });
  });
}

/** Appends, flushes and trims at random. Returns what was durable at the end, and the first record not given up. */
async function live(
  journal: Journal,
  expected: string[],
  random: Random,
  until: Until,
): Promise<{ readonly durableSeq: number; readonly neededSeq: number }> {
  let durableSeq = journal.durableSeq;
  let neededSeq = 1;
  journal.onDurable((seq) => {
    durableSeq = seq;
  });
  const steps = pick(random, STEPS);
  for (let step = 0; step < steps; step++) {
    const bytes = patterned(pick(random, 200), random.u32());
    const seq = journal.append(bytes);
    expected.push(text({ seq, bytes }));
    if (pick(random, 4) === 0) journal.flush();
    if (pick(random, 12) === 0) {
      neededSeq = Math.max(neededSeq, journal.durableSeq + 1 - pick(random, 20));
      journal.trim(neededSeq);
    }
    if (pick(random, 10) === 0 && journal.durableSeq < seq) {
      journal.flush();
      await until(() => journal.durableSeq === seq);
    }
  }
  return { durableSeq, neededSeq };
}
