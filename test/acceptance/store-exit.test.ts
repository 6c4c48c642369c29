import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const LIVES = 12;
/** Far more than an exit takes, and it would be for ever. */
const EXIT_MS_MAX = 30_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-exit-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it("a process that exits while its store is being committed is gone at once: nothing waits for the rest of the commit", async () => {
  for (let life = 0; life < LIVES; life++) {
    const program = join(import.meta.dirname, "store-exit-writer.mjs");
    const child = spawn(process.execPath, [program, dir, `${300 + 23 * life}`], {
      stdio: ["ignore", "ignore", "inherit"],
      timeout: EXIT_MS_MAX,
      killSignal: "SIGKILL",
    });
    const [code] = (await once(child, "exit")) as [number | null];
    expect(code, `life ${life}`).toBe(7);
  }
});
