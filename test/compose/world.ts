import type { Project } from "./project.ts";
import type { ClusterView } from "./view.ts";
import type { Watch } from "./watch.ts";

/** What a step works with. */
export interface World {
  readonly root: string;
  readonly compose: readonly string[];
  readonly project: Project;
  readonly watch: Watch;
}

export interface StepResult {
  /** What was measured: by itself a step takes longer, as it prepares and cleans up. */
  readonly tookMs: number;
  readonly note: string;
}

export interface Step {
  readonly name: string;
  run(world: World): Promise<StepResult>;
}

export const CLUSTER = "halon";
export const STATIONS = ["station-1", "station-2", "station-3"] as const;
/** What agents run on, all but transponders, which have none. */
const NODES = [...STATIONS, "satellite-1", "satellite-2", "user-1", "user-2", "user-3", "user-4"] as const;
/** Of examples/cluster.yaml. */
const INSTANCES = 6;
/** For a cluster that nothing happens to. */
export const CALM_MS = 90_000;

/** Runs it, and returns how long it took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return Math.round(performance.now() - startMs);
}

/** What is missing until all is well, or nothing. */
function missingIn(view: ClusterView): string | undefined {
  const down = NODES.filter((name) => !view.nodesUp.includes(name));
  if (down.length > 0) return `${down.join(", ")} not up`;
  if (view.instances.length !== INSTANCES) return `${view.instances.length} of ${INSTANCES} instances known`;
  const silent = view.instances.filter(({ answersFrom }) => answersFrom === "");
  if (silent.length > 0) return `${silent.map(({ id }) => id).join(", ")} not answering`;
  return view.checkpoint > 0 && view.coordinator !== "" ? undefined : "no coordinator acts";
}

export const untilWell = ({ watch }: World): Promise<ClusterView> =>
  watch.until("a cluster in order", CALM_MS, missingIn);
