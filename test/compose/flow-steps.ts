import { setTimeout as wait } from "node:timers/promises";
import { command } from "./command.ts";
import { Flow } from "./flow.ts";
import { Project } from "./project.ts";
import { until } from "./waiting.ts";
import { CALM_MS, CLUSTER, type Step, type StepResult, timed, untilWell, type World } from "./world.ts";

/** Between two steps of scaling, so that events flow through each number of transponders. */
const DWELL_MS = 4_000;

/** Runs `work` while events flow; the note tells of them. */
async function whileEventsFlow(world: World, work: () => Promise<void>): Promise<StepResult> {
  const { project } = world;
  await untilWell(world);
  const flow = new Flow(project, CLUSTER, "station-1");
  try {
    await flow.untilFlowing();
    const tookMs = await timed(work);
    return { tookMs, note: await flow.end() };
  } finally {
    await flow.remove();
  }
}

/** Events that a transponder has received since it started. */
async function receivedBy(project: Project, id: string): Promise<number> {
  const { up } = JSON.parse(await project.askHealth(id)) as {
    readonly up: { readonly counters: { readonly received: number } };
  };
  return up.counters.received;
}

async function untilAllReceive(project: Project, count: number): Promise<void> {
  await until(`events at each of ${count} transponders`, CALM_MS, async () => {
    const transponders = await project.containers("transponder");
    const received: number[] = [];
    for (const { id } of transponders) received.push(await receivedBy(project, id).catch(() => 0));
    const isSpread = received.length === count && received.every((each) => each > 0);
    return isSpread ? undefined : `they have received ${received.join(", ")}`;
  });
}

const scale = (world: World): Promise<StepResult> =>
  whileEventsFlow(world, async () => {
    const { project } = world;
    for (const count of [4, 1, 2]) {
      await project.compose([
        "up",
        "-d",
        "--no-deps",
        "--no-recreate",
        "--scale",
        `transponder=${count}`,
        "transponder",
      ]);
      await untilAllReceive(project, count);
      await wait(DWELL_MS);
    }
  });

/** One of each kind; what is not said to be there again is not told to go. */
const upgrade = (world: World): Promise<StepResult> =>
  whileEventsFlow(world, async () => {
    const { project, watch } = world;
    const { leader = "station-1", coordinator = "station-1" } = watch.view ?? {};
    const services = [
      ...[`${leader}-replica`, `${coordinator}-coordinator`, `${coordinator}-supervisor`, "station-1"],
      ...["transponder", "satellite-1", "satellite-1-monitor", "user-1"],
    ];
    for (const service of services) {
      await project.compose(["up", "-d", "--no-deps", "--force-recreate", service]);
      for (const { id } of await project.containers(service))
        await until(`${service} to be healthy`, CALM_MS, () =>
          project.askHealth(id).then(
            () => undefined,
            (error: unknown) => String(error),
          ),
        );
      await untilWell(world);
    }
  });

/** A second project on the same engine, with a network of its own. */
export const elsewhereOf = ({ project, root, compose }: Pick<World, "project" | "root" | "compose">): Project =>
  new Project(`${project.name}-elsewhere`, compose, root, { HALON_NATS_URL: "nats://far-nats:4222" });

/** A transponder and nothing else, on the broker of a cluster that is not its project's. */
async function joinFromElsewhere(world: World): Promise<StepResult> {
  const { project } = world;
  await untilWell(world);
  const elsewhere = elsewhereOf(world);
  try {
    const tookMs = await timed(async () => {
      await elsewhere.compose(["up", "-d", "transponder"]);
      const there = [...new Set((await elsewhere.containers()).map(({ service }) => service))];
      if (there.join() !== "transponder") throw new Error(`it brought ${there.join(", ")} with it`);
      const nats = await project.containerOf("nats");
      await command(["docker", "network", "connect", "--alias", "far-nats", elsewhere.network, nats]);
      const [first] = await elsewhere.containers("transponder");
      await until("the transponder elsewhere", CALM_MS, () =>
        elsewhere.askHealth(first?.id ?? "").then(
          () => undefined,
          (error: unknown) => String(error),
        ),
      );
      await command(["docker", "network", "disconnect", elsewhere.network, nats]);
    });
    return { tookMs, note: "healthy, and nothing came with it" };
  } finally {
    await elsewhere.down();
  }
}

export const flowSteps: readonly Step[] = [
  { name: "O2 transponders scaled to 4, 1 and 2: no event lost", run: scale },
  { name: "O2 each service replaced alone: no event lost", run: upgrade },
  { name: "a transponder joins a cluster elsewhere", run: joinFromElsewhere },
];
