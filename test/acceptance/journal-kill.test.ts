import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openJournalFile } from "@halon/journal-file";
import { openStoreLmdb } from "@halon/store-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const LIVES = 5;
const IDENTITY = "c/n1/1";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-kill-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Reported {
  journal: number;
  store: number;
}

/** Runs the writer until it has reported `reports` times, kills it, and returns the last it managed to say. */
async function liveAndDie(mode: "create" | "existing", reports: number): Promise<Reported> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "journal-writer.mjs"), dir, mode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const reported: Reported = { journal: 0, store: 0 };
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, number] = line.split(" ") as [keyof Reported, string];
    reported[what] = Number(number);
    if (++count === reports) child.kill("SIGKILL");
  }
  await closed;
  expect(child.signalCode, "the writer ended by itself").toBe("SIGKILL");
  return reported;
}

describe("a process that is killed while it writes", () => {
  it("leaves all it had reported as durable, and nothing half done", async () => {
    let before = 0;
    for (let life = 0; life < LIVES; life++) {
      const reported = await liveAndDie(life === 0 ? "create" : "existing", 20 + life * 17);
      const journal = await openJournalFile({ dir: join(dir, "journal"), identity: IDENTITY, mode: "existing" });
      expect(journal.writtenSeq).toBeGreaterThanOrEqual(Math.max(before, reported.journal));
      before = journal.writtenSeq;
      let seq = 0;
      while (seq < journal.writtenSeq)
        for (const record of journal.read(seq + 1, 100_000)) {
          expect(record.seq).toBe(++seq);
          expect(Buffer.from(record.bytes).toString()).toBe(`${seq}:${"x".repeat(seq % 300)}`);
        }
      await journal.close();

      const store = await openStoreLmdb({ dir: join(dir, "store"), identity: IDENTITY });
      const [first, second] = ["first", "second"].map((key) => Number(Buffer.from(store.get(key) ?? "0").toString()));
      expect(first).toBe(second);
      expect(first).toBeGreaterThanOrEqual(reported.store);
      await store.close();
    }
  });
});
