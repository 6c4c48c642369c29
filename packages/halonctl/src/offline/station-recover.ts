import { randomBytes } from "node:crypto";
import type { FileJournal } from "@halon/journal-file";
import { fencingRecord, foundingRecords } from "@halon/paxos";
import type { Owner } from "./identity-file.ts";
import { assertNew, writeDirectory } from "./new-directory.ts";
import { OfflineError } from "./offline-error.ts";
import { type OfflineTask, show } from "./output.ts";
import { planRecovery } from "./recovery-plan.ts";
import { lossOf, planResult, renderDone, renderPlan } from "./recovery-render.ts";
import { appendDurably, claimStation, isFenced, readStations, type StationDirectory } from "./station-directory.ts";

export interface RecoverOptions {
  /** Name of the station that the new group begins with. */
  readonly node: string;
  /** Its directory, which is made. */
  readonly into: string;
  readonly acceptLoss: boolean;
  readonly yes: boolean;
}

/**
 * `station recover`: the old group is ended for good, and a new one of a single member goes on with all that it had decided.
 * Without `yes` it only says what it would do. Throws {@link OfflineError} or RecoveryError, and then nothing was written.
 */
export async function recoverStations(
  task: OfflineTask,
  dirs: readonly string[],
  options: RecoverOptions,
): Promise<void> {
  const { node, into, acceptLoss, yes } = options;
  assertNew(into);
  const stations = await readStations(dirs);
  const claimed: FileJournal[] = [];
  try {
    // Nobody starts one of them from here on.
    if (yes) for (const station of stations) claimed.push(await claimStation(station));
    const plan = await planRecovery(stations);
    if (!task.isJson) task.out.write(renderPlan(task.paint, stations, plan));
    if (!plan.isComplete && !acceptLoss) {
      if (task.isJson) show(task, { ...planResult(stations, plan), done: false }, () => "");
      throw new OfflineError(`refused: ${lossOf(plan)} To go on all the same, say --accept-loss`);
    }
    if (!yes) {
      show(task, { ...planResult(stations, plan), done: false }, () => renderIntent(stations, options));
      return;
    }
    await fence(stations, claimed);
    const owner = newOwner(stations, node);
    await writeDirectory(into, owner, foundingRecords(plan.recovery, plan.from, [owner.member]), plan.state);
    show(task, { ...planResult(stations, plan), done: true, into, ...owner }, () => renderDone(plan, owner, into));
  } finally {
    for (const journal of claimed) await journal.close();
  }
}

/** First of all, before anything else is written: from then on the old group decides nothing. */
async function fence(stations: readonly StationDirectory[], claimed: readonly FileJournal[]): Promise<void> {
  for (const [at, station] of stations.entries()) {
    const journal = claimed[at];
    if (journal !== undefined && !isFenced(station)) await appendDurably(journal, [fencingRecord()]);
  }
}

/** Members of the old group are strangers to it. */
function newOwner([station]: readonly StationDirectory[], node: string): Owner {
  return {
    cluster: station?.owner.cluster ?? "",
    clusterId: randomBytes(16).toString("hex"),
    member: `${node}.${randomBytes(4).toString("hex")}`,
  };
}

function renderIntent(stations: readonly StationDirectory[], { into, node }: RecoverOptions): string {
  return (
    "\nWith --yes, in this order:\n" +
    `  1. end the old group for good: a promise above all others is written to ${stations.map(({ journalDir }) => journalDir).join(", ")}\n` +
    `  2. write ${into}: the first member of a new group, ${node}, with all of the above\n` +
    "Nothing was changed.\n"
  );
}
