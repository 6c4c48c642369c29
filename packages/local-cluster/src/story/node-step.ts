import { LocalError } from "../local-error.ts";
import { perform } from "../verbs.ts";
import type { ClusterView, InstanceView } from "../view.ts";
import { untilAnswering } from "./answers.ts";
import type { Step } from "./step.ts";
import { tickFaults } from "./ticks.ts";

/** The user node with most instances; of equals the one that runs something exclusive. */
function victimOf(
  view: ClusterView,
): { readonly node: string; readonly instances: readonly InstanceView[] } | undefined {
  const ranked = view.nodes
    .filter(({ kind }) => kind === "user")
    .map(({ name }) => ({ node: name, instances: view.instances.filter(({ node }) => node === name) }))
    .map((each) => ({
      ...each,
      weight: each.instances.length * 2 + Number(each.instances.some((one) => one.exclusive)),
    }))
    .sort((a, b) => b.weight - a.weight);
  return ranked.find(({ instances }) => instances.length > 0);
}

/** kill -9 of a whole user node, agent and services, until the last of its instances answers elsewhere. */
export const nodeStep: Step = async ({ cluster, say, signal }) => {
  const view = await cluster.untilWell(signal);
  const victim = victimOf(view);
  if (victim === undefined) throw new LocalError("no user node runs anything: apply a cluster.yaml");
  const { node, instances } = victim;
  const startMs = performance.now();
  await perform(cluster, "kill", { kind: "node", node });
  const awaited = instances.map(({ id, answerPid, port }) => ({ id, notPid: answerPid, notNode: node, port }));
  await untilAnswering(cluster, awaited, signal);
  const spanMs = performance.now() - startMs;
  say(`  ${instances.map(({ id }) => id).join(", ")} answer elsewhere; ${node} is started again`);
  await perform(cluster, "restart", { kind: "node", node });
  await cluster.untilWell(signal);
  return {
    name: "node",
    deed: `kill -9 of node ${node} (${instances.map(({ id }) => id).join(", ")})`,
    measured: "to the last of its instances answering elsewhere",
    spanMs,
    broken: tickFaults(cluster.dir.ticks),
  };
};
