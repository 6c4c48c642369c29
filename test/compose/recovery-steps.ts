import { command } from "./command.ts";
import { type Step, timed, untilWell, type World } from "./world.ts";

/** What is promised. */
const RECOVERY_MS_MAX = 5_000;
/** What is waited for: longer, to tell how much too late it was. */
const WAIT_MS = 60_000;

/** All processes of a container but its init, which the engine counts as a program that failed, not as one that was stopped. */
const killInside = (id: string): Promise<string> =>
  command(["docker", "exec", id, "sh", "-c", "kill -9 -1"]).catch(() => "");

function assertInTime(tookMs: number): void {
  if (tookMs > RECOVERY_MS_MAX) throw new Error(`it took ${tookMs} ms, and ${RECOVERY_MS_MAX} are promised`);
}

async function killCoordinator(world: World): Promise<{ tookMs: number; note: string }> {
  const { project, watch } = world;
  const before = await untilWell(world);
  const container = await project.containerOf(`${before.coordinator}-coordinator`);
  let note = "";
  const tookMs = await timed(async () => {
    await killInside(container);
    const after = await watch.until("a new epoch", WAIT_MS, ({ epoch, checkpoint }) =>
      epoch > before.epoch && checkpoint > 0 ? undefined : `epoch ${epoch}, checkpoint ${checkpoint}`,
    );
    note = `epoch ${before.epoch} on ${before.coordinator}, then ${after.epoch} on ${after.coordinator}`;
  });
  assertInTime(tookMs);
  await untilWell(world);
  return { tookMs, note };
}

async function killUserNode(world: World): Promise<{ tookMs: number; note: string }> {
  const { project, watch } = world;
  const before = await untilWell(world);
  const [node = ""] = before.instances.map((each) => each.node).sort();
  const lost = before.instances.filter((each) => each.node === node).map(({ id }) => id);
  const container = await project.containerOf(node);
  const tookMs = await timed(async () => {
    await command(["docker", "kill", container]);
    await watch.until(`${lost.join(", ")} to answer elsewhere`, WAIT_MS, ({ instances }) => {
      const missing = instances.filter(
        ({ id, answersFrom }) => lost.includes(id) && (answersFrom === "" || answersFrom === node),
      );
      return missing.length === 0 ? undefined : missing.map(({ id }) => id).join(", ");
    });
  });
  await command(["docker", "start", container]);
  await untilWell(world);
  assertInTime(tookMs);
  return { tookMs, note: `${lost.join(", ")} of ${node}` };
}

export const recoverySteps: readonly Step[] = [
  { name: "kill -9 of the active coordinator: a new epoch acts", run: killCoordinator },
  { name: "docker kill of a user node: its instances answer elsewhere", run: killUserNode },
];
