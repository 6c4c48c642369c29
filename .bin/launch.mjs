#!/usr/bin/env node
// The one door to this repository: installs what is missing, builds what has changed, then does what was asked.
//
//   npm start · npm test · npm run test:compose | check | fix | bench | sim | model | pack  (arguments of the command after `--`)
//
// It imports nothing but Node, as it runs in a bare clone. Syntax and imports are such that old releases of Node get as far
// as the sentence which refuses them.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants, cpus } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** In `engines` of each package.json too. */
const NODE_MIN = "20.19";
/** How long another launch may hold the lock before we give up on it. */
const LOCK_WAIT_MS = 15 * 60_000;
const LOCK_POLL_MS = 100;
/** Of a quiet program's output, the newest so many characters are kept for the case that it fails. */
const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;
const CHECKERS_AT_ONCE = Math.max(1, Math.min(4, cpus().length));

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stampFile = join(modules, ".halon-stamp");
const lockFile = join(modules, ".halon-lock");

const tool = (name) => join(modules, ".bin", name);
/** Becomes the program: no process between npm and it, so signals, exit code and terminal are its own. */
const program = (entry, does, first = []) => ({ does, run: (args) => become(entry, [...first, ...args]) });

const commands = {
  start: program(
    "packages/local-cluster/dist/main.js",
    "run a whole cluster on this machine, or tell the one that runs: --demo, kill TARGET, status, stop, --help",
  ),
  test: program(
    "node_modules/vitest/vitest.mjs",
    "run the tests; arguments go to vitest: --project unit, a path, -t NAME",
    ["run"],
  ),
  "test:compose": program(
    "test/dist/compose/main.js",
    "bring docker-compose.yml up, break it, watch it heal, remove it; arguments are parts of steps' names",
  ),
  sim: program(
    "test/dist/simulation/main.js",
    "simulate the whole system, on and on, or: --seed S [--trace], --runs N, --minutes M, --model NAME",
  ),
  model: program(
    "model/run.mjs",
    "search all that a model of the consensus can do, with Debian's spin: --small, parts of instances' names",
  ),
  pack: program(
    ".bin/pack.mjs",
    "pack the packages that other projects can take as npm tarballs into packed/, or a directory given",
  ),
  bench: program(
    "test/dist/bench/main.js",
    "measure: log [--peers etcd,zookeeper,jetstream] | graph [--nodes N] | snapshot [--state-mib N] | recovery [--rounds N]; --json",
  ),
  check: {
    does: "types, lint, format, architecture, dead code; writes nothing; arguments name the checkers to run",
    run: check,
  },
  fix: { does: "repair format and lint, where that can be done mechanically", run: fix },
};

const checkers = {
  types: [tool("tsc"), "-p", "tsconfig.json"],
  lint: [tool("biome"), "check", "--error-on-warnings"],
  promises: [tool("oxlint"), "--type-aware", "--deny-warnings"],
  architecture: [tool("vitest"), "run", "--project", "unit", "test/architecture"],
  "dead-code": [tool("knip"), "--no-progress", "--no-config-hints"],
};

/** What was refused, and what to do about it; ends the launch without a stack. */
class Refusal extends Error {
  constructor(message, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

// On stderr, so that what a command prints (`bench -- --json`) can be piped.
const say = (line) => process.stderr.write(`${line}\n`);
const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
const readText = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");
const sha = (text) => createHash("sha256").update(text).digest("hex");

// ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

function editDistance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}

function unknown(what, given, known) {
  const [nearest] = [...known].sort((a, b) => editDistance(given, a) - editDistance(given, b));
  const near = nearest !== undefined && editDistance(given, nearest) <= Math.max(2, given.length / 3);
  return new Refusal(
    `unknown ${what} "${given}"${near ? `: did you mean "${nearest}"?` : "."} Known: ${[...known].join(", ")}.`,
  );
}

function usage() {
  const lines = Object.entries(commands).map(([name, { does }]) => `  ${name.padEnd(6)} ${does}`);
  return `usage: node .bin/launch.mjs COMMAND [arguments]\n\n${lines.join("\n")}\n`;
}

// ── child programs ───────────────────────────────────────────────────────────────────────────────────────────────────

const children = new Set();
let isStopping = false;
let releaseLock = () => {};

function onSignal(signal) {
  isStopping = true;
  for (const child of children) child.kill(signal);
  const leave = () => {
    if (children.size > 0) return;
    releaseLock();
    unlistenSignals();
    process.kill(process.pid, signal);
  };
  for (const child of children) child.once("close", leave);
  leave();
}
const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
function listenSignals() {
  for (const signal of signals) process.on(signal, onSignal);
}
function unlistenSignals() {
  for (const signal of signals) process.removeListener(signal, onSignal);
}

const environment = () => ({
  ...process.env,
  // The Node that runs this runs everything.
  PATH: dirname(process.execPath) + delimiter + (process.env.PATH || ""),
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  DO_NOT_TRACK: "1",
});

/** Runs a program to its end. Quiet: its output comes back instead of being shown. */
function runProgram([file, ...args], { quiet = true, env = {} } = {}) {
  return new Promise((done) => {
    const stdio = quiet ? ["ignore", "pipe", "pipe"] : "inherit";
    const child = spawn(file, args, { cwd: root, env: { ...environment(), ...env }, stdio });
    children.add(child);
    let output = "";
    const keep = (text) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
    };
    if (quiet) for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", keep);
    const end = (code) => {
      children.delete(child);
      if (!isStopping) done({ code, output });
    };
    child.once("error", (error) => {
      keep(`${error.message}\n`);
      end(127);
    });
    child.once("close", (code, signal) => end(signal === null ? code : 128 + constants.signals[signal]));
  });
}

/** One line while a quiet program runs; on a terminal with the time it has taken. */
async function announced(line, command, env = {}) {
  const startMs = Date.now();
  const isTerminal = process.stderr.isTTY === true;
  const show = () => process.stderr.write(`\r${line} … ${seconds(startMs)}`);
  if (!isTerminal) say(line);
  const ticker = isTerminal ? setInterval(show, 200) : undefined;
  const result = await runProgram(command, { env });
  if (isTerminal) {
    clearInterval(ticker);
    show();
    say("");
  }
  return result;
}

// ── one preparation at a time ────────────────────────────────────────────────────────────────────────────────────────

/** Tells a process from a later one that was given the same pid; empty where /proc is not to be had. */
function startOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ")[19];
  } catch {
    return "";
  }
}

function isAlive({ pid, start }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  return startOf(pid) === start;
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw new Refusal(`${path} cannot be read (${error.message}): delete it`, 1);
  }
}

/**
 * Takes the lock, or tells who has it. The lock of a dead process is removed under a lock of its own, named for it: so of
 * many that find it dead none removes the lock of the one that was quicker.
 */
function tryLock(path) {
  const mine = { pid: process.pid, start: startOf(process.pid), nonce: randomBytes(8).toString("hex") };
  const draft = `${path}.${mine.nonce}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    linkSync(draft, path); // with its content at once, or not at all
    return { release: () => rmSync(path, { force: true }) };
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const holder = readLock(path);
  if (holder === undefined || isAlive(holder)) return { holder };
  const removal = tryLock(`${path}.dead-${holder.nonce}`);
  if (removal.release !== undefined) {
    const present = readLock(path);
    if (present !== undefined && present.nonce === holder.nonce) rmSync(path);
    removal.release();
  }
  return {};
}

async function lock() {
  mkdirSync(modules, { recursive: true });
  const sinceMs = Date.now();
  for (let told = false; ; ) {
    const { release, holder } = tryLock(lockFile);
    if (release !== undefined) {
      releaseLock = release;
      return;
    }
    if (holder === undefined) continue;
    if (!told) say(`waiting for another launch (process ${holder.pid}) to finish installing and building`);
    told = true;
    if (Date.now() - sinceMs > LOCK_WAIT_MS)
      throw new Refusal(
        `process ${holder.pid} still holds ${lockFile}: end it, or delete that file if it is not a launch`,
        1,
      );
    await new Promise((done) => setTimeout(done, LOCK_POLL_MS));
  }
}

// ── install and build ────────────────────────────────────────────────────────────────────────────────────────────────

function workspaces() {
  const { workspaces: globs } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const folders = globs.flatMap((glob) => {
    if (!glob.endsWith("/*")) return [glob];
    const parent = glob.slice(0, -2);
    return existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [];
  });
  return folders.filter((folder) => existsSync(join(root, folder, "package.json"))).sort();
}

const manifestsHash = (folders) =>
  sha(["", ...folders].map((folder) => `${folder}\n${readText(join(root, folder, "package.json"))}`).join("\n"));

/** Of all that says what is to be installed. */
const installHash = (manifests) =>
  sha(
    [
      process.version,
      process.platform,
      process.arch,
      manifests,
      readText(join(root, "package-lock.json")),
      readText(join(root, ".npmrc")),
    ].join("\n"),
  );

const NOT_SOURCE = new Set(["node_modules", "dist", "gen", ".turbo", "coverage"]);

/** Of path, time and size of each file that a build reads: quick, and wrong only in that it may see a change too many. */
function sourcesHash(folders) {
  const lines = [];
  const note = (path) => {
    const { mtimeMs, size } = statSync(join(root, path));
    lines.push(`${path} ${mtimeMs} ${size}`);
  };
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && !NOT_SOURCE.has(entry.name)) walk(path);
      else if (entry.isFile() && !/\.(test\.ts|md)$/.test(entry.name)) note(path);
    }
  };
  folders.forEach(walk);
  ["package.json", "tsconfig.base.json", "turbo.json"].filter((name) => existsSync(join(root, name))).forEach(note);
  return sha(lines.sort((a, b) => (a < b ? -1 : 1)).join("\n"));
}

const outputsOf = (folders) =>
  folders.flatMap((folder) => [`${folder}/dist`, `${folder}/src/gen`]).filter((path) => existsSync(join(root, path)));

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, "utf8"));
  } catch {
    return {};
  }
}

function npmCommand() {
  const { npm_execpath: npm } = process.env;
  return npm !== undefined && basename(npm) === "npm-cli.js" ? [process.execPath, npm] : ["npm"];
}

async function install(folders, stamp) {
  const manifests = manifestsHash(folders);
  if (stamp.install === installHash(manifests)) return stamp;
  const why = stamp.install === undefined ? "first time" : "package-lock.json, a package.json or Node changed";
  rmSync(stampFile, { force: true });
  // NODE_ENV=production or a user's `omit` would leave the tools out.
  const command = [...npmCommand(), "install", "--include=dev", "--include=optional", "--no-progress"];
  const { code, output } = await announced(`installing dependencies (${why})`, command);
  if (code !== 0) throw new Refusal(`${output}\nnpm install failed (exit ${code}); its output is above`, code);
  return { install: installHash(manifests) };
}

async function build(folders, stamp) {
  const sources = sourcesHash(folders);
  if (stamp.sources === sources && stamp.outputs.every((path) => existsSync(join(root, path)))) return stamp;
  const line = `building (${stamp.sources === undefined ? "first time" : "sources changed"})`;
  const turbo = [tool("turbo"), "run", "build", "--continue=dependencies-successful", "--output-logs=errors-only"];
  // What npm says around each script is noise beside the compiler's words.
  const { code, output } = await announced(line, turbo, { npm_config_loglevel: "silent" });
  if (code !== 0) throw new Refusal(`${output}\nthe build failed (exit ${code}); its output is above`, code);
  return { ...stamp, sources, outputs: outputsOf(folders) };
}

/** Leaves the tree installed and built. Two launches at once: the second waits, then finds nothing to do. */
async function prepare() {
  await lock();
  try {
    const folders = workspaces();
    const before = readStamp();
    const installed = await install(folders, before);
    if (installed !== before) writeFileSync(stampFile, JSON.stringify(installed));
    const built = await build(folders, installed);
    if (built !== installed) writeFileSync(stampFile, JSON.stringify(built));
  } finally {
    releaseLock();
    releaseLock = () => {};
  }
}

// ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function become(entry, args) {
  await prepare();
  unlistenSignals();
  const path = join(root, entry);
  process.argv = [process.execPath, path, ...args];
  await import(pathToFileURL(path).href);
}

/** A build that fails is reported like a checker: the others can still tell something. */
async function prepareForCheck() {
  const startMs = Date.now();
  try {
    await prepare();
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { name: "build", code: error.exitCode, output: `${error.message}\n`, took: seconds(startMs) };
  }
}

async function check(names) {
  for (const name of names) if (checkers[name] === undefined) throw unknown("checker", name, Object.keys(checkers));
  const waiting = names.length > 0 ? [...names] : Object.keys(checkers);
  const failed = [];
  const report = ({ name, code, output, took }) => {
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(12)} ${took.padStart(7)}`);
    if (code === 0) return;
    failed.push(name);
    console.log(`${output.trimEnd()}\n`);
  };
  const unbuilt = await prepareForCheck();
  if (unbuilt !== undefined) report(unbuilt);
  const count = waiting.length;
  const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const startMs = Date.now();
      report({ name, ...(await runProgram(checkers[name], { env: color })), took: seconds(startMs) });
    }
  };
  await Promise.all(Array.from({ length: CHECKERS_AT_ONCE }, worker));
  console.log(failed.length === 0 ? `check: all ${count} passed` : `check: failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

async function fix(args) {
  if (args.length > 0) throw new Refusal(`fix takes no arguments, but was given ${args.join(" ")}`);
  await prepareForCheck();
  const format = await runProgram([tool("biome"), "check", "--write"], { quiet: false });
  const lint = await runProgram([tool("oxlint"), "--fix"], { quiet: false });
  process.exitCode = format.code || lint.code;
}

// ── main ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function assertNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [majorMin, minorMin] = NODE_MIN.split(".").map(Number);
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new Refusal(
    `Halon needs Node ${NODE_MIN} or newer, and this is ${process.versions.node}: install a current one from https://nodejs.org and try again.`,
  );
}

async function main([name, ...args]) {
  assertNode();
  if (name === "--help" || name === "-h") return process.stdout.write(usage());
  if (name === undefined) throw new Refusal(`which command?\n\n${usage()}`);
  if (name.startsWith("-")) throw unknown("flag", name, ["--help"]);
  if (!Object.hasOwn(commands, name)) throw unknown("command", name, Object.keys(commands));
  process.chdir(root);
  listenSignals();
  await commands[name].run(args);
}

main(process.argv.slice(2)).catch((error) => {
  if (!(error instanceof Refusal)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
});
