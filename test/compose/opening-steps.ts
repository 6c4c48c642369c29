import { type Step, type StepResult, timed, untilWell, type World } from "./world.ts";

async function bringUp(world: World): Promise<StepResult> {
  const { project } = world;
  const tookMs = await timed(() => project.untilHealthy());
  const view = await untilWell(world);
  return {
    tookMs,
    note: `${(await project.containers()).length} containers, ${view.instances.length} instances answer`,
  };
}

/** The volumes are there: all that is brought up again is the same group. */
async function foundOnce(world: World): Promise<StepResult> {
  const { project } = world;
  const before = await untilWell(world);
  let said = "";
  const tookMs = await timed(async () => {
    said = await project.compose(["run", "--rm", "-T", "founding"]);
    await project.compose(["up", "-d"]);
  });
  if (!said.includes("nothing is founded")) throw new Error(`founding said ${JSON.stringify(said)}`);
  const after = await untilWell(world);
  if (after.clusterId !== before.clusterId) throw new Error(`group ${before.clusterId} became ${after.clusterId}`);
  return { tookMs, note: `group ${after.clusterId}` };
}

export const openingSteps: readonly Step[] = [
  { name: "O2 all containers become healthy", run: bringUp },
  { name: "a group is founded once", run: foundOnce },
];
