import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import type { FinderPorts } from "./nats-finder.ts";

/** Of a quiet program's output, the newest so many characters are kept. */
const OUTPUT_CHARS_MAX = 64 * 1024;

/** Runs a program to its end, without input, and keeps what it says. Code 127: it could not be run. */
export function runQuietly(
  [program = "", ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        output = (output + chunk).slice(-OUTPUT_CHARS_MAX);
      });
    child.once("error", (error) => resolve({ code: 127, output: error.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function osRelease(): string {
  try {
    return readFileSync("/etc/os-release", "utf8");
  } catch {
    return "";
  }
}

/** This machine, for finding a broker. */
export const finderPorts = (say: (line: string) => void): FinderPorts => ({
  env: process.env,
  platform: process.platform,
  isRoot: process.getuid?.() === 0,
  isExecutable,
  osRelease,
  run: (command) => runQuietly(command, { ...process.env, DEBIAN_FRONTEND: "noninteractive" }),
  say,
});

/** True when this machine can listen on the port. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Ports below those that systems take for outgoing connections, so that a restarted listener finds its own free. */
const PORTS_FROM = 20_000;
const PORTS_TO = 32_000;
const TRIES_MAX = 100;

/** A port that is free right now, chosen at random. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = PORTS_FROM + Math.floor(Math.random() * (PORTS_TO - PORTS_FROM));
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port among ${TRIES_MAX} tried from ${PORTS_FROM} to ${PORTS_TO}`);
}
