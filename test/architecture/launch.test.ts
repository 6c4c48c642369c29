import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "./repository.ts";

/** Writes its start and end to the log, and what it was asked to leave behind. */
const NPM = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
const log = (line) => appendFileSync("log", line + "\\n");
log("install " + process.argv.slice(2).join(" "));
if (existsSync("npm-fails")) { console.log("E404 gone"); process.exit(7); }
if (existsSync("npm-hangs")) { process.on("SIGTERM", () => { log("npm terminated"); process.exit(1); }); setInterval(() => {}, 1000); }
mkdirSync("node_modules/.bin", { recursive: true });
mkdirSync("node_modules/vitest", { recursive: true });
writeFileSync("node_modules/.bin/turbo", "#!" + process.execPath + \`
const { appendFileSync, existsSync, mkdirSync } = require("node:fs");
appendFileSync("log", "build " + process.env.TURBO_TELEMETRY_DISABLED + "\\\\n");
if (existsSync("turbo-fails")) { console.log("TS2322 wrong"); process.exit(3); }
mkdirSync("packages/a/dist", { recursive: true });
\`, { mode: 0o755 });
writeFileSync("node_modules/vitest/vitest.mjs", \`
import { appendFileSync } from "node:fs";
appendFileSync("log", "test " + process.argv.slice(2).join(" ") + "\\\\n");
process.exitCode = 5;
\`);
setTimeout(() => log("installed"), 100);
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

describe("the launcher", () => {
  let folder: string;
  let launched: ChildProcess[];

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const log = (): readonly string[] => {
    const path = join(folder, "log");
    const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
    rmSync(path, { force: true });
    return lines.map((line) => line.replace(/^install .*/, "install"));
  };

  const start = (args: readonly string[], nodeOptions: readonly string[] = []): Promise<Ended> => {
    const env = { ...process.env, npm_execpath: join(folder, "npm-cli.js"), NODE_ENV: "production" };
    const child = spawn(process.execPath, [...nodeOptions, join(folder, ".bin/launch.mjs"), ...args], { env });
    launched.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    return new Promise((done) => child.once("close", (code, signal) => done({ code, signal, output })));
  };

  beforeEach(() => {
    launched = [];
    folder = mkdtempSync(join(tmpdir(), "halon-launch-"));
    write("package.json", JSON.stringify({ name: "r", type: "module", workspaces: ["packages/*"] }));
    write("package-lock.json", "{}");
    write("packages/a/package.json", JSON.stringify({ name: "a" }));
    write("packages/a/src/index.ts", "export const a = 1;");
    write("npm-cli.js", NPM);
    cpSync(join(root, ".bin"), join(folder, ".bin"), { recursive: true });
  });
  afterEach(() => {
    for (const child of launched) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("installs, builds and runs in a bare clone, then only runs", async () => {
    const first = await start(["test", "--project", "unit"]);
    expect(first.output).toBe("installing dependencies (first time)\nbuilding (first time)\n");
    expect(log()).toEqual(["install", "installed", "build 1", "test run --project unit"]);
    expect(first.code, "the exit code of what ran").toBe(5);

    expect((await start(["test"])).output).toBe("");
    expect(log()).toEqual(["test run"]);
  });

  it("installs again when the lockfile or a package.json changed, builds again when a source did or an output is gone", async () => {
    await start(["test"]);
    log();
    write("package-lock.json", "{ }");
    expect((await start(["test"])).output).toMatch(/^installing dependencies \(package-lock\.json, /);
    write("packages/a/package.json", JSON.stringify({ name: "a", version: "0.1.0" }));
    await start(["test"]);
    expect(log().filter((line) => line === "install")).toHaveLength(2);

    utimesSync(join(folder, "packages/a/src/index.ts"), 1, 1);
    expect((await start(["test"])).output).toBe("building (sources changed)\n");
    rmSync(join(folder, "packages/a/dist"), { recursive: true });
    await start(["test"]);
    expect(log()).toEqual(["build 1", "test run", "build 1", "test run"]);
  });

  it("shows the output of what failed, passes its exit code on, and tries again next time", async () => {
    write("npm-fails", "");
    expect(await start(["test"])).toMatchObject({
      code: 7,
      output: expect.stringMatching(/E404 gone.*npm install failed/s),
    });
    rmSync(join(folder, "npm-fails"));
    write("turbo-fails", "");
    expect(await start(["test"])).toMatchObject({
      code: 3,
      output: expect.stringMatching(/TS2322 wrong.*the build failed/s),
    });
    rmSync(join(folder, "turbo-fails"));
    await start(["test"]);
    expect(log()).toEqual(["install", "install", "installed", "build 1", "build 1", "test run"]);
  });

  it("lets one of many launches install while the others wait, also past the lock of a dead one", async () => {
    const dead = await start(["--help"]).then(() => launched[0]?.pid);
    write("node_modules/.halon-lock", JSON.stringify({ pid: dead, start: "1", nonce: "dead" }));
    await Promise.all(Array.from({ length: 6 }, () => start(["test"])));
    expect(log()).toEqual(["install", "installed", "build 1", ...Array.from({ length: 6 }, () => "test run")]);
    expect(readdirSync(join(folder, "node_modules")).filter((name) => name.startsWith(".halon"))).toEqual([
      ".halon-stamp",
    ]);
  });

  it("passes a signal on while it installs, and leaves no lock", async () => {
    write("npm-hangs", "");
    const ended = start(["test"]);
    await expect
      .poll(() => existsSync(join(folder, "log")) && existsSync(join(folder, "node_modules/vitest")), {
        timeout: 30_000,
      })
      .toBe(true);
    launched[0]?.kill("SIGTERM");
    expect(await ended).toMatchObject({ signal: "SIGTERM" });
    expect(log()).toContain("npm terminated");
    expect(existsSync(join(folder, "node_modules/.halon-lock"))).toBe(false);
  });

  it.each([
    [["tset"], 'unknown command "tset": did you mean "test"?'],
    [["check", "typse"], 'unknown checker "typse": did you mean "types"?'],
    [["--hlep"], 'unknown flag "--hlep": did you mean "--help"?'],
    [["zzzzzzzz"], 'unknown command "zzzzzzzz". Known: '],
    [[], "which command?"],
    [["fix", "a"], "fix takes no arguments"],
  ])("refuses %j", async (args, why) => {
    const { code, output } = await start(args);
    expect(output).toContain(why);
    expect(output).not.toContain("    at ");
    expect(code).toBe(2);
    expect(log()).toEqual([]);
  });

  it("refuses an old Node with a sentence", async () => {
    const old = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"18.20.4"})';
    const { code, output } = await start(["test"], ["--import", old]);
    expect(output).toMatch(/^Halon needs Node 20\.19 or newer, and this is 18\.20\.4: .*\n$/);
    expect(code).toBe(2);
  });
});
