import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BESIDE } from "./beside.ts";
import { endCommands, tryCommand } from "./command.ts";
import { elsewhereOf, flowSteps } from "./flow-steps.ts";
import { openingSteps } from "./opening-steps.ts";
import { findCompose, Project } from "./project.ts";
import { recoverySteps } from "./recovery-steps.ts";
import { Watch } from "./watch.ts";
import { STATIONS, type Step, timed, type World } from "./world.ts";

/** From `test/dist/compose/`. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const allSteps: readonly Step[] = [...openingSteps, ...recoverySteps, ...flowSteps];

/** Services whose logs are shown when something failed. */
const LOGS_MAX = 4;

interface Row {
  readonly name: string;
  readonly tookMs: number;
  readonly failure?: string;
  readonly note: string;
}
const rows: Row[] = [];
/** Told to end: what still runs fails, and nobody wants to know. */
let isStopped = false;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs one step and notes what came of it; returns whether it held. */
async function take(
  name: string,
  work: () => Promise<{ readonly tookMs: number; readonly note: string }>,
): Promise<boolean> {
  say(`… ${name}`);
  const startMs = performance.now();
  try {
    const row = { name, ...(await work()) };
    rows.push(row);
    say(`ok ${name}: ${row.tookMs} ms. ${row.note}`);
    return true;
  } catch (error) {
    if (isStopped) return false;
    const failure = error instanceof Error ? error.message : String(error);
    rows.push({ name, tookMs: Math.round(performance.now() - startMs), failure, note: "" });
    say(`FAILED ${name}: ${failure}`);
    return false;
  }
}

/** Says what may help to find out why. */
async function explain(project: Project): Promise<void> {
  if (isStopped) return;
  const containers = await project.containers();
  const ill = containers.filter(({ status }) => !status.includes("healthy)") || status.includes("unhealthy"));
  const doubtful = [...new Set(ill.map(({ service }) => service))];
  for (const { service, status } of ill) say(`   ${service}: ${status}`);
  if (doubtful.length > 0) say(await project.logs(doubtful.slice(0, LOGS_MAX)));
}

/** Arguments are parts of names; none means all. */
const stepsNamed = (parts: readonly string[]): readonly Step[] =>
  parts.length === 0 ? allSteps : allSteps.filter(({ name }) => parts.some((part) => name.includes(part)));

async function play(project: Project, compose: readonly string[], steps: readonly Step[]): Promise<void> {
  const isUp = await take("images are built, containers started", async () => {
    const buildMs = await timed(() => project.build());
    const tookMs = await timed(() => project.compose(["up", "-d"]));
    return { tookMs, note: `building took ${buildMs} ms` };
  });
  if (!isUp) return explain(project);
  const addresses = STATIONS.map((station) => `${station}-replica:15001`);
  const watch = new Watch(project, addresses);
  const world: World = { root, compose, project, watch };
  try {
    for (const { name, run } of steps) if (!isStopped && !(await take(name, () => run(world)))) await explain(project);
  } finally {
    await watch.remove();
  }
}

/** Also what steps that were cut short have left. */
async function removeAll(project: Project, compose: readonly string[]): Promise<void> {
  await tryCommand(["docker", "rm", "--force", ...BESIDE.map((name) => `${project.name}-${name}`)]);
  await elsewhereOf({ project, root, compose }).down();
  await project.down();
}

function table(): string {
  const line = ({ name, tookMs, failure, note }: Row): string => {
    const took = `${(tookMs / 1_000).toFixed(1)} s`;
    return `${failure === undefined ? "ok    " : "FAILED"}  ${took.padStart(8)}  ${name}${note && `  (${note})`}`;
  };
  const failed = rows.filter(({ failure }) => failure !== undefined).length;
  return [...rows.map(line), `${rows.length - failed} passed, ${failed} failed`].join("\n");
}

async function main(parts: readonly string[]): Promise<number> {
  const steps = stepsNamed(parts);
  if (steps.length === 0) {
    say(`no step is called ${parts.join(" or ")}. The steps:\n${allSteps.map(({ name }) => `  ${name}`).join("\n")}`);
    return 2;
  }
  const found = await findCompose();
  if ("why" in found) {
    say(`nothing is tested: ${found.why}`);
    return 0;
  }
  const project = new Project(`halon-test-${process.pid}`, found.compose, root);
  const clean = (): Promise<boolean> =>
    take("everything is removed, volumes too", async () => ({
      tookMs: await timed(() => removeAll(project, found.compose)),
      note: "",
    }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      if (isStopped) return;
      say(`${signal}: cleaning up`);
      endCommands();
      const cleaned = clean();
      isStopped = true;
      void cleaned.finally(() => process.exit(1));
    });
  try {
    await play(project, found.compose, steps);
  } finally {
    if (!isStopped) await clean();
  }
  if (isStopped) return 1;
  say(`\n${table()}`);
  return rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
