import { type Command, InvalidArgumentError } from "commander";
import { OfflineError } from "./offline/offline-error.ts";
import type { OfflineTask } from "./offline/output.ts";
import { paintFor, type World } from "./terminal.ts";

/** Directories of one group: as many members as it can have, and as many that it had. */
const DIRS_MAX = 32;
const QUERY_LIMIT_DEFAULT = 100;
const QUERY_LIMIT_MAX = 1_000_000;
const NODE = /^[A-Za-z0-9_-]{1,64}$/;

const OFFLINE = `
It works on directories of stations that do not run: one that is in use is refused.`;

/** Adds the commands on directories. `station` may have others already. `fail`: the outcome is bad, though nothing failed. */
export function offlineCommands(root: Command, world: World, fail: () => void): void {
  const work: Work = async (action) => {
    const { json } = root.opts<{ json?: true }>();
    const task = { out: world.out, isJson: json === true, paint: paintFor(world.out, world.env) };
    if (!(await explained(() => action(task)))) fail();
  };
  logCommands(root, work);
  const station =
    root.commands.find((command) => command.name() === "station") ??
    root.command("station").description("the stations themselves");
  queryCommand(station, work);
  syncCommand(station, work);
  recoverCommand(station, work);
}

/** Runs an action that resolves with whether the outcome is good. */
type Work = (action: (task: OfflineTask) => Promise<boolean>) => Promise<void>;

/** What these refuse comes out as an {@link OfflineError}. */
async function explained<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof OfflineError) throw error;
    // By name: their packages are not loaded before they are needed.
    const isKnown = ["JournalError", "StoreError", "RecoveryError"].includes(error.name) || "syscall" in error;
    throw isKnown ? new OfflineError(error.message, { cause: error }) : error;
  }
}

const DIR = "-d, --dir <directory>";

function logCommands(root: Command, work: Work): void {
  const log = root
    .command("log")
    .description("the journal of a station that does not run: look at it, verify it, repair it");
  const about = "a station's directory, or its journal";
  log
    .command("inspect")
    .description("what is in it: segments, records, marks, and whether its station may still vote")
    .requiredOption(DIR, about)
    .addHelpText("after", OFFLINE)
    .action(({ dir }: { dir: string }) =>
      work(async (task) => {
        const { inspectLog } = await import("./offline/log-commands.ts");
        await inspectLog(task, dir);
        return true;
      }),
    );
  log
    .command("verify")
    .description("read every byte; exit code 1 when anything is wrong")
    .requiredOption(DIR, about)
    .addHelpText("after", OFFLINE)
    .action(({ dir }: { dir: string }) =>
      work(async (task) => (await import("./offline/log-commands.ts")).verifyLog(task, dir)),
    );
  log
    .command("repair")
    .description("say what would make it readable again; with --yes copy it beside itself and do that")
    .requiredOption(DIR, about)
    .option("--yes", "do it", false)
    .addHelpText(
      "after",
      `${OFFLINE}\nNo repair gives a damaged journal its vote back. Exit code 1: there is something left to be done.`,
    )
    .action(({ dir, yes }: { dir: string; yes: boolean }) =>
      work(async (task) => (await import("./offline/log-commands.ts")).repairLog(task, dir, yes)),
    );
}

function queryCommand(station: Command, work: Work): void {
  station
    .command("query")
    .description("decided decrees in the journals of stations that do not run, in order")
    .requiredOption(DIR, "a station's directory; once for each", directories)
    .option("--from <number>", "decrees from this one on", wholeNumber(Number.MAX_SAFE_INTEGER), 1)
    .option("--limit <count>", "decrees at most", wholeNumber(QUERY_LIMIT_MAX), QUERY_LIMIT_DEFAULT)
    .addHelpText("after", OFFLINE)
    .action(({ dir, from, limit }: { dir: readonly string[]; from: number; limit: number }) =>
      work(async (task) => {
        const { queryStations } = await import("./offline/station-query.ts");
        await queryStations(task, dir, { from, limit });
        return true;
      }),
    );
}

function syncCommand(station: Command, work: Work): void {
  station
    .command("sync")
    .description("what one station that does not run knows to be decided, all the others named come to know")
    .requiredOption(DIR, "a station's directory; once for each", directories)
    .option("--yes", "do it", false)
    .addHelpText("after", `${OFFLINE}\nExit code 1: one of them is left behind; the table says why.`)
    .action(({ dir, yes }: { dir: readonly string[]; yes: boolean }) =>
      work(async (task) => (await import("./offline/station-sync.ts")).syncStations(task, dir, yes)),
    );
}

interface RecoverFlags {
  readonly dir: readonly string[];
  readonly into: string;
  readonly node: string;
  readonly acceptLoss: boolean;
  readonly yes: boolean;
}

function recoverCommand(station: Command, work: Work): void {
  station
    .command("recover")
    .description(
      "a majority of the stations is lost for good: end the old group, begin a new one with all that it had decided",
    )
    .requiredOption(DIR, "the directory of a station of the old group; once for each that is left", directories)
    .requiredOption("--into <directory>", "the directory of the first station of the new group; it is made")
    .requiredOption("--node <name>", "its name", nodeName)
    .option("--accept-loss", "go on with less than half of the old members; what may be lost is said without it", false)
    .option("--yes", "do it", false)
    .addHelpText("after", `${OFFLINE}\nWhat each refusal means, and what to do: docs/recovery.md.`)
    .action(({ dir, into, node, acceptLoss, yes }: RecoverFlags) =>
      work(async (task) => {
        const { recoverStations } = await import("./offline/station-recover.ts");
        await recoverStations(task, dir, { into, node, acceptLoss, yes });
        return true;
      }),
    );
}

function directories(text: string, before: readonly string[] = []): readonly string[] {
  if (before.length >= DIRS_MAX) throw new InvalidArgumentError(`At most ${DIRS_MAX} directories.`);
  return [...before, text];
}

function nodeName(text: string): string {
  if (!NODE.test(text)) throw new InvalidArgumentError("1 to 64 characters of A-Z a-z 0-9 _ -.");
  return text;
}

const wholeNumber =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < 1 || value > max)
      throw new InvalidArgumentError(`A whole number from 1 to ${max}.`);
    return value;
  };
