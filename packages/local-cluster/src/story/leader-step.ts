import { LocalError } from "../local-error.ts";
import { perform } from "../verbs.ts";
import { notYet, until, yes } from "../waiting.ts";
import { submitMarker } from "./marker-event.ts";
import { STEP_MS_MAX, type Step } from "./step.ts";

/** kill -9 of the leading station, until an event submitted after that is acknowledged; the station comes back and catches up. */
export const leaderStep: Step = async ({ cluster, say, signal }) => {
  const { leader } = await cluster.untilWell(signal);
  if (leader === undefined) throw new LocalError("the stations have no leader");
  const startMs = performance.now();
  await perform(cluster, "kill", { kind: "service", node: leader, service: "station-replica" });
  await submitMarker(cluster).stored;
  const spanMs = performance.now() - startMs;
  const others = [...(await cluster.askStations())].filter(
    ([station]) => station !== leader || cluster.stations.length === 1,
  );
  const target = Math.max(0, ...others.map(([, { status }]) => status.chosen));
  const options = {
    what: `${leader} to catch up`,
    deadlineMs: STEP_MS_MAX,
    lookAt: cluster.dir.log(leader, "station-replica"),
  };
  await until({ ...options, signal }, async () => {
    const answer = await cluster.bus.asker.status(leader);
    if (answer === undefined) return notYet("it does not answer");
    return answer.applied >= target ? yes(undefined) : notYet(`it has applied ${answer.applied} of ${target}`);
  });
  say(`  ${leader}, restarted, has caught up with decree ${target}`);
  return {
    name: "leader",
    deed: `kill -9 of the Paxos leader, ${leader}`,
    measured: "to the acknowledgement of an event submitted after it",
    spanMs,
    broken: [],
  };
};
