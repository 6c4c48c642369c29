import { type MarkedProcess, type ProcessTable, signalProcess } from "./process-table.ts";
import { killAll, waitGone } from "./sweep.ts";

/** What agents get to stop all they run. */
const STOP_MS = 8_000;
/** And the broker, when nobody needs it any more. */
const BROKER_STOP_MS = 2_000;

const isBroker = ({ key }: MarkedProcess): boolean => key === "nats";
const isOfNode = (process: MarkedProcess): boolean => !isBroker(process);

/**
 * Ends all processes of a cluster; whoever keeps some of them running must have stopped that. Agents end what their nodes
 * run, the broker ends last; what is left after the deadline is killed. Hurried: all is killed at once.
 */
export async function endEverything(
  table: ProcessTable,
  isHurried: boolean,
  say: (line: string) => void,
): Promise<void> {
  if (isHurried) {
    await killAll(table, () => true);
    return;
  }
  askToEnd(table.scan().filter(isOfNode));
  if (!(await waitGone(table, isOfNode, STOP_MS))) {
    const left = table.scan().filter(isOfNode);
    const names = left.map(({ node, key }) => `${node}.${key}`).join(", ");
    say(`killing what did not stop within ${STOP_MS / 1_000} s: ${names}`);
  }
  await killAll(table, isOfNode);
  for (const each of table.scan()) if (isBroker(each)) signalProcess(each, "SIGTERM");
  await waitGone(table, isBroker, BROKER_STOP_MS);
  await killAll(table, () => true);
}

/** Agents are asked, and what has no agent above it. */
function askToEnd(present: readonly MarkedProcess[]): void {
  const kept = new Set(present.flatMap(({ key, node }) => (key === "agent" ? [node] : [])));
  for (const each of present) {
    if (each.key === "agent" || !kept.has(each.node)) signalProcess(each, "SIGTERM");
    // One that is paused hears nothing.
    if (each.isPaused) signalProcess(each, "SIGCONT");
  }
}

/** Ends what a launcher that was killed has left behind. */
export async function endLeftovers(table: ProcessTable, say: (line: string) => void): Promise<void> {
  const left = table.scan();
  if (left.length === 0) return;
  say(`ending ${left.length} processes that an earlier start has left behind`);
  await endEverything(table, false, say);
}
