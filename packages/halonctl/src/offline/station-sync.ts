import { decidedOf, recordsToSync } from "@halon/paxos";
import { table } from "../table.ts";
import { harmless, type Paint } from "../terminal.ts";
import { counted, type OfflineTask, show, span } from "./output.ts";
import { appendDurably, claimStation, readStations, type StationDirectory } from "./station-directory.ts";

interface SyncPart {
  readonly station: StationDirectory;
  readonly records: readonly Uint8Array[];
  /** Why it takes less than all, or nothing; empty when nothing is left over. */
  readonly note: string;
}

/** `station sync`: what one of them knows to be decided, all come to know. Resolves with whether all of them know all. */
export async function syncStations(task: OfflineTask, dirs: readonly string[], yes: boolean): Promise<boolean> {
  const parts = planSync(await readStations(dirs));
  if (yes) await takePart(parts);
  const isDone = yes || parts.every(({ records }) => records.length === 0);
  const result = parts.map(({ station, records, note }) => ({
    dir: station.dir,
    member: station.owner.member,
    chosen: station.witness.chosen,
    adds: records.length,
    note,
  }));
  show(task, { directories: result, done: isDone }, () => render(task.paint, parts, yes));
  return parts.every(({ note }) => note === "");
}

function planSync(stations: readonly StationDirectory[]): readonly SyncPart[] {
  const decided = decidedOf(stations.map(({ witness }) => witness));
  const highest = Math.max(...stations.map(({ witness }) => witness.chosen));
  return stations.map((station) => {
    const { witness, findings } = station;
    if (findings.some(({ severity }) => severity !== "torn"))
      return { station, records: [], note: "damaged: only read, nothing is written to it" };
    if (witness.base === undefined) return { station, records: [], note: "has never had a vote: left as it is" };
    const records = recordsToSync(witness, decided);
    const reached = witness.chosen + records.length;
    const gap = `needs a snapshot for ${span(reached + 1, highest)}: decree ${reached + 1} is in no journal any more. Start it while others run`;
    return { station, records, note: reached < highest ? gap : "" };
  });
}

/** All are taken before anything is written to one of them. */
async function takePart(parts: readonly SyncPart[]): Promise<void> {
  const claimed: { readonly journal: Awaited<ReturnType<typeof claimStation>>; readonly part: SyncPart }[] = [];
  try {
    for (const part of parts)
      if (part.records.length > 0) claimed.push({ part, journal: await claimStation(part.station) });
    for (const { journal, part } of claimed) await appendDurably(journal, part.records);
  } finally {
    for (const { journal } of claimed) await journal.close();
  }
}

function render(paint: Paint, parts: readonly SyncPart[], yes: boolean): string {
  const rows = parts.map(({ station, records, note }) => [
    harmless(station.dir),
    station.owner.member,
    String(station.witness.chosen),
    span(station.witness.chosen + 1, station.witness.chosen + records.length),
    note,
  ]);
  const adds = yes ? "ADDED" : "ADDS";
  const listed = table(paint, ["DIRECTORY", "MEMBER", "KNOWS UP TO", adds, "NOTE"], rows);
  const count = parts.reduce((sum, { records }) => sum + records.length, 0);
  if (count === 0) return `${listed}\nNothing to do.\n`;
  return `${listed}\n${yes ? `Done: ${counted(count, "decree")} written, durably.` : "Nothing was changed: say --yes to do it."}\n`;
}
