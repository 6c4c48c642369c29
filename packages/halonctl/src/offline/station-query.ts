import { decidedOf, legislaturesOf } from "@halon/paxos";
import { decodeDecree, LogCodecError } from "@halon/replicated-log";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import { type OfflineTask, show } from "./output.ts";
import { describeStation, readStations } from "./station-directory.ts";

export interface QueryOptions {
  readonly from: number;
  readonly limit: number;
}

interface DecreeLine {
  readonly number: number;
  readonly legislature: number;
  readonly bytes: number;
  readonly commands: number;
  /** `update ×3, register`; `members a.0, b.0` for a reconfiguration; `empty`. */
  readonly what: string;
}

/** `station query`: decided decrees, in order, and what each directory tells. */
export async function queryStations(
  task: OfflineTask,
  dirs: readonly string[],
  { from, limit }: QueryOptions,
): Promise<void> {
  const stations = await readStations(dirs);
  const witnesses = stations.map(({ witness }) => witness);
  const decided = decidedOf(witnesses);
  const legislatures = legislaturesOf(witnesses, decided);
  const decrees: DecreeLine[] = [];
  let next: number | undefined;
  for (const [number, { value, members }] of decided) {
    if (number < from) continue;
    if (decrees.length === limit) {
      next = number;
      break;
    }
    const legislature = legislatures.get(number) ?? 0;
    const contents = members === undefined ? contentsOf(value) : { commands: 0, what: `members ${members.join(", ")}` };
    decrees.push({ number, legislature, bytes: value.byteLength, ...contents });
  }
  const lines = stations.map((station) => ({ dir: station.dir, says: describeStation(station) }));
  show(task, { directories: lines, decided: decided.size, decrees, ...(next !== undefined && { next }) }, () => {
    const { paint } = task;
    const told = lines.map(({ dir, says }) => `${harmless(dir)}: ${harmless(says)}\n`).join("");
    const rows = decrees.map(({ number, legislature, bytes, what }) =>
      [number, legislature, bytes, what].map((cell) => harmless(String(cell))),
    );
    const listed = table(paint, ["DECREE", "LEGISLATURE", "BYTES", "COMMANDS"], rows);
    const more = next === undefined ? "" : `There are more: --from ${next}\n`;
    return `${told}\n${listed === "" ? "No decided decree is in these journals: they are in the applied states.\n" : listed}${more}`;
  });
}

function contentsOf(value: Uint8Array): Pick<DecreeLine, "commands" | "what"> {
  try {
    const { commands } = decodeDecree(value);
    const counts = new Map<string, number>();
    for (const { kind } of commands) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const what = [...counts].map(([kind, count]) => (count === 1 ? kind : `${kind} ×${count}`)).join(", ");
    return { commands: commands.length, what: what === "" ? "empty" : what };
  } catch (error) {
    if (!(error instanceof LogCodecError)) throw error;
    return { commands: 0, what: "of another version" };
  }
}
