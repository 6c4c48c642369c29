import { type ExecFileException, execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";

/** The built program: what `npm start` runs. */
const PROGRAM = fileURLToPath(new URL("../../packages/local-cluster/dist/main.js", import.meta.url));
const STORY_MS = 240_000;

const dir = mkdtempSync(join(tmpdir(), "halon-demo-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function tell(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string): void =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    execFile(
      process.execPath,
      [PROGRAM, "--state-dir", dir, ...args],
      { timeout: STORY_MS, killSignal: "SIGKILL" },
      done,
    );
  });
}

it(
  "O1 the demo breaks five things, each heals in less than 5 s, and says how long it took",
  async () => {
    const { code, output } = await tell("--demo");
    expect(code, output).toBe(0);
    const table = output.split("\n").filter((line) => /\d\.\d\d s {2}held$/.test(line));
    expect(table, output).toHaveLength(5);
    for (const deed of [/^kill -9 of web\/\d on user-\d/, /node user-\d/, /coordinator/, /Paxos leader/, /nats-server/])
      expect(
        table.some((line) => deed.test(line)),
        output,
      ).toBe(true);
  },
  STORY_MS,
);
