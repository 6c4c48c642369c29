import { type ChildProcess, spawn } from "node:child_process";

const OUTPUT_CHARS_MAX = 256 * 1024;

export interface CommandOptions {
  readonly deadlineMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  /** Both outputs as they came, the newest part. */
  readonly output: string;
}

const DEADLINE_MS = 60_000;

const running = new Set<ChildProcess>();

/** Kills whatever runs at this moment: nobody waits for it any more. */
export function endCommands(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Runs a program to its end; does not reject for its exit code. A program past its deadline is killed. */
export function tryCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { deadlineMs = DEADLINE_MS, env = {} } = options;
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  });
  running.add(child);
  let [stdout, output] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARS_MAX);
    output = (output + text).slice(-OUTPUT_CHARS_MAX);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-OUTPUT_CHARS_MAX);
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 127, stdout, output: error.message }));
    child.once("close", (code, signal) => {
      running.delete(child);
      const late = signal === null ? "" : `\nended by ${signal}, its deadline was ${deadlineMs} ms`;
      resolve({ code: code ?? 1, stdout, output: output + late });
    });
  });
}

/** Runs a program to its end, and returns what it wrote to its standard output. Rejects with its last words. */
export async function command(line: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, output } = await tryCommand(line, options);
  if (code !== 0) throw new Error(`${line.join(" ")}: exit ${code}\n${lastLines(output)}`);
  return stdout;
}

const LINES_MAX = 30;
const lastLines = (text: string): string => text.trimEnd().split("\n").slice(-LINES_MAX).join("\n");
