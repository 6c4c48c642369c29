#!/usr/bin/env node
// P7: runs the models with spin, instance by instance. `npm run model`; README.md tells about the models.
//
//   npm run model -- [--small] [NAME ...]      NAME: instances whose name has this part
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { constants, cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const AT_ONCE = Math.max(1, Math.min(2, cpus().length));
/** Of one instance. The sum over those that run at once is what the machine must have. */
const MEMORY_MIB_MAX = 4096;
const DEPTH_MAX = 100_000;
/** How the verifier is built. A small instance takes longer to optimize than to search. */
const STORAGE = {
  small: ["-O0"],
  large: ["-O1", "-DCOLLAPSE"],
  huge: ["-O1", "-DBITSTATE"],
};
/** States of a `huge` instance are bits in a table of 2 to the power of this: two of one bit are taken for the same. */
const BITSTATE_POWER = 33;
const OUTPUT_CHARS_MAX = 1024 * 1024;
/** Lines shown of a counterexample that nobody expected. */
const TRAIL_LINES_MAX = 80;

// ── instances ────────────────────────────────────────────────────────────────────────────────────────────────────────

const takeover = { LOSS: true, PROPOSERS: 2, BALLOTS1: 2 };
const takeover3 = { ...takeover, BALLOTS1: 3 };
const replace = { ...takeover, REPLACE: true, BALLOTS2: 2, DECREES: 2 };
const grow = { LOSS: true, GROW: true, BALLOTS1: 2, BALLOTS2: 2, DECREES: 2 };
/** What follows from a mistake, not that a promise was broken on the way. */
const onlyAgreement = { ONLY_AGREEMENT: true };

const paxos = (expected, size, name, features) => ({ model: "paxos.pml", expected, size, name, features });
const lease = (expected, size, name, features) => ({ model: "lease.pml", expected, size, name, features });
const holds = (name, features, size = "small") => paxos("pass", size, name, features);
const reached = (name, features) => paxos("fail", "small", `reach: ${name}`, features);
const bug = (name, features) => paxos("fail", "small", `bug: ${name}`, { ...features, ...onlyAgreement });

const instances = [
  holds("one leader", { DECREES: 3, MUST_DECIDE: true }),
  holds("leader change", { PROPOSERS: 2, BALLOTS1: 3, DECREES: 3, MUST_DECIDE: true }),
  holds("reconfiguration, replace", {
    REPLACE: true,
    PROPOSERS: 2,
    BALLOTS1: 2,
    BALLOTS2: 2,
    DECREES: 2,
    MUST_DECIDE: true,
  }),
  holds("reconfiguration, grow", { GROW: true, BALLOTS1: 1, BALLOTS2: 2, DECREES: 2, MUST_DECIDE: true }),
  holds("loss", { LOSS: true, DECREES: 3 }),
  holds("loss, leader change", { ...takeover3, DECREES: 2 }),
  holds("loss, crash", { LOSS: true, CRASHES: 1, DECREES: 2 }),
  holds("loss, leader change, crash", { ...takeover, CRASHES: 1 }),
  holds("loss, leader change, trim", { ...takeover, TRIM: true, DECREES: 3 }),
  holds("loss, leader change, crash, trim", { ...takeover, CRASHES: 2, TRIM: true }),
  holds("loss, leader change, lost disk", { ...takeover, CRASHES: 1, WIPE: true }),
  holds("loss, leader change, replace", replace),
  holds("loss, leader change, grow", grow),
  holds("loss, crash, trim, grow", { ...grow, CRASHES: 1, TRIM: true }),
  lease("pass", "small", "lease", {}),
  lease("pass", "small", "lease, crash", { CRASHES: 2 }),

  holds("three ballots, two crashes", { ...takeover3, CRASHES: 2 }, "large"),
  holds("four ballots, two decrees", { ...takeover, BALLOTS1: 4, DECREES: 2 }, "large"),
  holds("three ballots, three decrees", { ...takeover3, DECREES: 3 }, "large"),
  holds("two decrees, crash, trim", { ...takeover, CRASHES: 1, TRIM: true, DECREES: 2 }, "large"),
  holds("three ballots, two decrees, crash, trim", { ...takeover3, CRASHES: 1, TRIM: true, DECREES: 2 }, "large"),
  holds("two decrees, two crashes, trim", { ...takeover, CRASHES: 2, TRIM: true, DECREES: 2 }, "huge"),
  holds("replace, three ballots", { ...replace, BALLOTS1: 3 }, "large"),
  holds("replace, three decrees", { ...replace, DECREES: 3 }, "large"),
  holds("replace, lost disk", { ...replace, BALLOTS2: 1, CRASHES: 1, WIPE: true }, "large"),
  holds("replace, crash, trim", { ...replace, CRASHES: 1, TRIM: true }, "large"),

  reached("all is decided", { ...takeover, DECREES: 2, REACH_ALL: true }),
  reached("after a crash, in a later ballot", { ...takeover, CRASHES: 1, REACH_AFTER_CRASH: true }),
  reached("by a leader that had to learn first", { ...takeover, TRIM: true, DECREES: 2, REACH_LEARNT: true }),
  reached("in the second legislature", { ...replace, REACH_SECOND_LEGISLATURE: true }),
  lease("fail", "small", "reach: a lease", { REACH_LEASE: true }),
  lease("fail", "small", "reach: a takeover after a lease", { REACH_TAKEOVER: true }),

  bug("answers before the flush", { ...takeover, CRASHES: 1, BUG_NO_FLUSH: true }),
  bug("Prepare leaves before the own promise is durable", { ...takeover3, CRASHES: 1, BUG_PREPARE_BEFORE_FLUSH: true }),
  bug("counts messages, not members", { ...takeover, BUG_COUNT_MESSAGES: true }),
  bug("takes the value of the lowest ballot", { ...takeover3, BUG_LOWEST_BALLOT_VALUE: true }),
  bug("takes a vote of any ballot for the chosen one", { ...takeover3, BUG_ANY_BALLOT_IS_CHOSEN: true }),
  bug("leads before it has learned", { ...takeover, TRIM: true, BUG_LEADS_BEHIND: true }),
  bug("accepts with gaps", { ...takeover, DECREES: 2, BUG_GAPS: true }),
  bug("trims what is not known to be chosen", { ...takeover, TRIM: true, BUG_TRIMS_TOO_FAR: true }),
  bug("the base record forgets the promise", {
    ...takeover,
    CRASHES: 1,
    TRIM: true,
    DECREES: 2,
    BUG_TRIM_FORGETS_PROMISE: true,
  }),
  bug("a snapshot forgets the promise", { ...takeover3, TRIM: true, DECREES: 2, BUG_INSTALL_FORGETS_PROMISE: true }),
  bug("votes again after it has lost its disk", { ...takeover, CRASHES: 1, WIPE: true, BUG_AMNESIAC_VOTES: true }),
  bug("proposes behind a stop sign", { ...replace, BUG_NO_STOP_SIGN: true }),
  bug("a new leader keeps what is behind a stop sign", { ...replace, BALLOTS1: 3, BUG_KEEPS_BEHIND_STOP_SIGN: true }),
  bug("no phase 1 in the next legislature", { ...grow, BUG_NO_PHASE_1: true }),
  bug("counts by the old membership", { ...grow, BUG_OLD_QUORUM: true }),
  lease("fail", "small", "bug: a grant is not stretched", { BUG_NO_STRETCH: true }),
  lease("fail", "small", "bug: the lease counts from the answer", { BUG_LEASE_FROM_RECEIPT: true }),
  lease("fail", "small", "bug: answers right after its start", { CRASHES: 1, BUG_ANSWERS_AFTER_START: true }),
  lease("fail", "small", "bug: answers another under a grant", { BUG_ANSWERS_UNDER_LEASE: true }),
];

// ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const children = new Set();
let folder = "";

/** Runs a program to its end; what it writes comes back, cut to a length. */
function run(file, args, cwd = here) {
  return new Promise((done) => {
    const child = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    children.add(child);
    let output = "";
    const keep = (text) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", keep);
    child.once("error", (error) => keep(`${error.message}\n`));
    child.once("close", (code) => {
      children.delete(child);
      done({ code: code ?? 1, output });
    });
  });
}

const isThere = async (file, versionFlag) => (await run(file, [versionFlag])).code === 0;

/** Installs Debian's packages when root may; else says what to do. */
async function requireTools() {
  const missing = [];
  if (!(await isThere("spin", "-V"))) missing.push("spin");
  if (!(await isThere("gcc", "--version"))) missing.push("gcc", "libc6-dev");
  if (missing.length === 0) return true;
  const install = ["install", "--yes", "--no-install-recommends", ...missing];
  const how = `install them (Debian, Ubuntu: \`apt-get install ${missing.join(" ")}\` as root) and run again`;
  const isRoot = process.getuid !== undefined && process.getuid() === 0;
  if (!isRoot || !(await isThere("apt-get", "--version"))) {
    console.error(`${missing.join(" and ")}: not on the PATH: ${how}`);
    return false;
  }
  console.error(`${missing.join(", ")}: not on the PATH: installing with apt-get`);
  if ((await run("apt-get", install)).code === 0) return true;
  await run("apt-get", ["update"]);
  const { code, output } = await run("apt-get", install);
  if (code !== 0) console.error(`${output}\napt-get could not install ${missing.join(", ")} (exit ${code}): ${how}`);
  return code === 0;
}

// ── one instance ─────────────────────────────────────────────────────────────────────────────────────────────────────

const definesOf = (features) =>
  Object.entries(features).map(([name, value]) => (value === true ? `-D${name}` : `-D${name}=${value}`));
const featuresText = (features) =>
  definesOf(features)
    .map((define) => define.slice(2))
    .join(" ") || "-";
const number = (output, pattern) => Number(pattern.exec(output)?.[1] ?? Number.NaN);

/** What the verifier found: `pass`, `fail` (a violation), or `broken` with the words of the program that failed. */
function judge({ code, output }) {
  const states = number(output, /^\s*(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored/m);
  const depth = number(output, /depth reached (\d+)/);
  const isCut = /max search depth too small|reached -DMEMLIM|out of memory|Search not completed/.test(output);
  const violation = /^pan:\d+: (.*)$/m.exec(output)?.[1];
  const errors = number(output, /errors: (\d+)/);
  if (violation !== undefined && errors > 0) return { found: "fail", states, depth, violation };
  if (code === 0 && errors === 0 && !isCut) return { found: "pass", states, depth };
  return { found: "broken", states, depth, violation: output };
}

/** Builds and runs the verifier of one instance in a folder of its own. */
async function verify({ model, features, size, expected }) {
  const cwd = mkdtempSync(join(folder, "instance-"));
  copyFileSync(join(here, model), join(cwd, model));
  const defines = definesOf(features);
  const made = await run("spin", [...defines, "-a", model], cwd);
  if (made.code !== 0) return { found: "broken", violation: made.output };
  const flags = ["-w", "-DSAFETY", "-DNOREDUCE", "-DNOCLAIM", `-DMEMLIM=${MEMORY_MIB_MAX}`, ...STORAGE[size]];
  const built = await run("gcc", [...flags, "-o", "pan", "pan.c"], cwd);
  if (built.code !== 0) return { found: "broken", violation: built.output };
  const startMs = Date.now();
  const verdict = judge(
    await run(join(cwd, "pan"), [`-m${DEPTH_MAX}`, ...(size === "huge" ? [`-w${BITSTATE_POWER}`] : [])], cwd),
  );
  verdict.seconds = (Date.now() - startMs) / 1000;
  if (verdict.found === "fail" && expected === "pass") {
    const { output } = await run("spin", [...defines, "-t", "-T", model], cwd);
    const steps = output.split("\n").filter((line) => !/^\s*\w+(\[\d+\])? = |<valid end state>|^#processes/.test(line));
    verdict.violation += `\n${steps.slice(-TRAIL_LINES_MAX).join("\n")}`;
  }
  rmSync(cwd, { recursive: true, force: true });
  return verdict;
}

// ── main ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const columns = (cells) => {
  const [result, name, states, depth, time, search, ...rest] = cells;
  return [
    result.padEnd(6),
    name.padEnd(56),
    states.padStart(10),
    depth.padStart(6),
    time.padStart(8),
    search.padEnd(11),
    ...rest,
  ].join(" ");
};

function report(instance, { found, states, depth, seconds, violation }) {
  const isAsExpected = found === instance.expected;
  const search = found === "fail" ? "until found" : instance.size === "huge" ? "bitstate" : "exhaustive";
  const time = seconds === undefined ? "-" : `${seconds.toFixed(1)} s`;
  const cells = [isAsExpected ? "ok" : "FAILED", instance.name, String(states ?? "-"), String(depth ?? "-"), time];
  console.log(columns([...cells, found === "broken" ? "-" : search, featuresText(instance.features)]));
  if (isAsExpected) return true;
  console.log(
    found === "pass"
      ? "  a violation was to be found, and there is none"
      : `  ${(violation ?? "").trim().replaceAll("\n", "\n  ")}`,
  );
  return false;
}

function chosen(args) {
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--small");
  if (unknown !== undefined) return console.error(`unknown flag "${unknown}". Known: --small`);
  const parts = args.filter((arg) => !arg.startsWith("-"));
  const picked = instances.filter(
    ({ name, size }) =>
      (!args.includes("--small") || size === "small") &&
      (parts.length === 0 || parts.some((part) => name.includes(part))),
  );
  if (picked.length > 0) return picked;
  return console.error(`no instance is named so. Known:\n${instances.map(({ name }) => `  ${name}`).join("\n")}`);
}

function cleanUp() {
  for (const child of children) child.kill("SIGKILL");
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
}

async function main(args) {
  const picked = chosen(args);
  if (picked === undefined || !(await requireTools())) return 2;
  folder = mkdtempSync(join(tmpdir(), "halon-model-"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.once(signal, () => {
      cleanUp();
      process.exit(128 + constants.signals[signal]);
    });
  const startMs = Date.now();
  console.log(columns(["", "instance", "states", "depth", "time", "search", "features"]));
  // The longest first would end sooner; in this order the table reads from simple to hard, and is printed as it comes.
  const waiting = [...picked];
  let passed = 0;
  const worker = async () => {
    for (let instance = waiting.shift(); instance !== undefined; instance = waiting.shift())
      if (report(instance, await verify(instance))) passed++;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const failed = picked.length - passed;
  console.log(`${((Date.now() - startMs) / 1000).toFixed(0)} s in all, with the building; ${AT_ONCE} at a time`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} finally {
  cleanUp();
}
