import type { LocalCluster } from "../local-cluster.ts";
import { LocalError } from "../local-error.ts";
import { inTime, notYet, until, yes } from "../waiting.ts";
import { STEP_MS_MAX } from "./step.ts";

/** An event that no rule knows: it is stored, given to the coordinator, and consumed. */
const TYPE = "demo.marker";
const POLL_MS = 40;

export interface Marker {
  readonly seq: number;
  /** Acknowledged: it is durable. */
  readonly stored: Promise<void>;
}

export function submitMarker(cluster: LocalCluster): Marker {
  const { seq, outcome } = cluster.bus.submit(TYPE, new Uint8Array());
  const waiting = { what: "an event to be acknowledged", deadlineMs: STEP_MS_MAX, lookAt: cluster.dir.logs };
  const stored = inTime(outcome, waiting).then((settled) => {
    if (settled.kind !== "stored") throw new LocalError(`an event was not taken: ${JSON.stringify(settled)}`);
  });
  return { seq, stored };
}

/** Resolves when the stored event has left the queue. */
export async function untilConsumed(cluster: LocalCluster, marker: Marker, signal: AbortSignal): Promise<void> {
  await marker.stored;
  const { incarnation } = cluster.bus.post;
  // A station that has not applied the event yet does not know that it is queued.
  const applied = [...(await cluster.askStations()).values()].map((answer) => answer.applied);
  const minApplied = Math.max(0, ...applied);
  const options = {
    what: "an event to be consumed",
    deadlineMs: STEP_MS_MAX,
    lookAt: cluster.dir.logs,
    pollMs: POLL_MS,
  };
  await until({ ...options, signal }, async () => {
    const asked = cluster.stations.map((each) => cluster.bus.asker.isQueued(each, incarnation, marker.seq, minApplied));
    return (await Promise.all(asked)).some((isQueued) => isQueued === false)
      ? yes(undefined)
      : notYet("it waits in the queue");
  });
}
