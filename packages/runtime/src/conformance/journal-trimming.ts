import type { Journal } from "../journal.ts";
import { bytesOf, type JournalHarness, type JournalPlace, readAll, text } from "./journal-harness.ts";
import { codeThrown, patterned, type SuiteApi, type Until } from "./suite.ts";

/** Records of a few hundred bytes, all durable. */
async function filled(place: JournalPlace, count: number, until: Until): Promise<Journal> {
  const journal = await place.open("create");
  for (let seq = 1; seq <= count; seq++) journal.append(patterned(200, seq));
  journal.flush();
  await until(() => journal.durableSeq === count);
  return journal;
}

const fills = (from: number, to: number): string[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) =>
    text({ seq: from + at, bytes: patterned(200, from + at) }),
  );

/** Trimming gives back whole pieces from the front, and nothing that is needed. */
export function trimming({ it, expect }: SuiteApi, { fresh, until }: JournalHarness): void {
  it("starts with record 1 and knows what it takes", async () => {
    const place = await fresh();
    const journal = await place.open("create");
    expect(journal.firstSeq).toBe(1);
    const empty = journal.bytesCount;
    journal.append(patterned(1000, 1));
    expect(journal.bytesCount).toBeGreaterThanOrEqual(empty + 1000);
    journal.flush();
    await until(() => journal.durableSeq === 1);
    expect(journal.bytesCount).toBeGreaterThanOrEqual(empty + 1000);
    await journal.close();
    const again = await place.open("existing");
    expect([again.firstSeq, again.bytesCount >= empty + 1000]).toEqual([1, true]);
    await again.close();
  });

  it("gives back what is not needed, and nothing else", async () => {
    const place = await fresh();
    const journal = await filled(place, 100, until);
    const before = journal.bytesCount;
    // The second time what is before has had the chance to be told apart from what is behind.
    for (const beforeSeq of [90, 100]) journal.trim(beforeSeq);
    for (let seq = 101; seq <= 200; seq++) journal.append(patterned(200, seq));
    journal.flush();
    await until(() => journal.durableSeq === 200);
    journal.trim(150);
    await until(() => journal.firstSeq > 80 && journal.bytesCount < before + 100 * 100);
    expect(journal.firstSeq).toBeLessThanOrEqual(150);
    expect(readAll(journal).map(text)).toEqual(fills(journal.firstSeq, 200));
    const { firstSeq } = journal;
    await journal.close();
    const again = await place.open("existing");
    expect(again.firstSeq).toBeLessThanOrEqual(150);
    expect(again.firstSeq).toBeGreaterThanOrEqual(firstSeq);
    expect(readAll(again).map(text)).toEqual(fills(again.firstSeq, 200));
    expect(again.append(bytesOf("more"))).toBe(201);
    await again.close();
  });

  it("may be left with no record at all, and counts on", async () => {
    const place = await fresh();
    let journal = await filled(place, 40, until);
    journal.trim(41);
    journal.trim(1);
    expect(journal.append(patterned(200, 41))).toBe(41);
    journal.flush();
    await until(() => journal.durableSeq === 41);
    journal.trim(42);
    await until(() => journal.firstSeq > 30);
    await journal.close();
    journal = await place.open("existing");
    expect(journal.writtenSeq).toBe(41);
    expect(readAll(journal).map(text)).toEqual(fills(journal.firstSeq, 41));
    expect(journal.append(patterned(200, 42))).toBe(42);
    expect(readAll(journal).map(text)).toEqual(fills(journal.firstSeq, 42));
    await journal.close();
  });

  it("refuses to trim what is not durable, to read what was trimmed, and anything once closed", async () => {
    const journal = await filled(await fresh(), 40, until);
    journal.append(bytesOf("not durable"));
    const refuses = (action: () => unknown): boolean => {
      try {
        action();
        return false;
      } catch {
        return true;
      }
    };
    for (const seq of [0, 42, 43])
      expect(
        refuses(() => journal.trim(seq)),
        `trim(${seq})`,
      ).toBe(true);
    journal.trim(41);
    await until(() => journal.firstSeq > 1);
    expect(refuses(() => journal.read(journal.firstSeq - 1, 100))).toBe(true);
    await journal.close();
    expect(codeThrown(() => journal.trim(1))).toBe("closed");
  });
}
