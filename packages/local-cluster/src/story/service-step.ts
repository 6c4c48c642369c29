import { LocalError } from "../local-error.ts";
import { perform } from "../verbs.ts";
import { untilAnswering } from "./answers.ts";
import type { Step } from "./step.ts";

/** kill -9 of one service instance, until its health answers again. */
export const serviceStep: Step = async ({ cluster, signal }) => {
  const view = await cluster.untilWell(signal);
  const victim = view.instances.find(({ exclusive, answers }) => !exclusive && answers);
  if (victim?.node === undefined) throw new LocalError("no instance runs that could be killed: apply a cluster.yaml");
  const { id, node, port, answerPid } = victim;
  const startMs = performance.now();
  await perform(cluster, "kill", { kind: "instance", id, node });
  await untilAnswering(cluster, [{ id, notPid: answerPid, port }], signal);
  const spanMs = performance.now() - startMs;
  return {
    name: "service",
    deed: `kill -9 of ${id} on ${node}`,
    measured: "to its health answer",
    spanMs,
    broken: [],
  };
};
