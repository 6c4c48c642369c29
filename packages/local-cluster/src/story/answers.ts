import type { GraphInstance } from "../graph-view.ts";
import { askHealth } from "../health-poll.ts";
import type { LocalCluster } from "../local-cluster.ts";
import { notYet, until, yes } from "../waiting.ts";
import { STEP_MS_MAX } from "./step.ts";

const POLL_MS = 40;
const GRAPH_MS = 120;
const ANSWER_MS = 500;

/** An instance whose next answer is waited for. */
export interface Awaited {
  readonly id: string;
  /** That answer is not its. */
  readonly notPid: number;
  /** Where it must not be, if that matters. */
  readonly notNode?: string;
  /** Where it listened last: one that is restarted in place keeps its port. */
  readonly port: number;
}

/** Resolves when each of these answers again, as another process. Returns where they run. */
export async function untilAnswering(
  cluster: LocalCluster,
  awaited: readonly Awaited[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const left = new Map(awaited.map((each) => [each.id, each]));
  const nodes: string[] = [];
  let readAtMs = Number.NEGATIVE_INFINITY;
  let instances: readonly GraphInstance[] = [];
  const read = async (): Promise<void> => {
    if (performance.now() - readAtMs < GRAPH_MS) return;
    readAtMs = performance.now();
    ({ instances } = await cluster.readGraph(await cluster.askStations()));
  };
  const what = `${awaited.map(({ id }) => id).join(", ")} to answer`;
  return until({ what, deadlineMs: STEP_MS_MAX, lookAt: cluster.dir.logs, pollMs: POLL_MS, signal }, async () => {
    void read();
    await Promise.all(
      [...left.values()].map(async (each) => {
        const present = instances.find(({ id }) => id === each.id);
        if (!(await isBack(each, present))) return;
        left.delete(each.id);
        nodes.push(present?.node ?? "?");
      }),
    );
    return left.size === 0 ? yes(nodes) : notYet([...left.keys()].join(", "));
  });
}

async function isBack({ id, notPid, notNode, port }: Awaited, present: GraphInstance | undefined): Promise<boolean> {
  if (notNode !== undefined && (present?.node === undefined || present.node === notNode)) return false;
  const ports = new Set([present?.port ?? 0, notNode === undefined ? port : 0].filter((each) => each !== 0));
  const answers = await Promise.all([...ports].map((each) => askHealth(each, ANSWER_MS)));
  return answers.some((answer) => answer?.instance === id && answer.pid !== notPid);
}
