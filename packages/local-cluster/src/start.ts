import { type Opened, openCluster } from "./opening.ts";
import type { StartOptions } from "./options.ts";
import { Session } from "./session.ts";
import { LiveTable, PlainLines } from "./show.ts";
import { listenForStop } from "./stop-signals.ts";

/** Runs a cluster until it is told to stop. Returns the exit code. Throws `LocalError`. */
export async function start(options: StartOptions): Promise<number> {
  const stop = listenForStop();
  // The terminal may go away before we do.
  process.stdout.on("error", () => undefined);
  const show = process.stdout.isTTY ? new LiveTable(process.stdout) : new PlainLines(process.stdout);
  let opened: Opened;
  try {
    opened = await openCluster({ ...options, isPortChosen: false }, (line) => show.say(line), stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 0;
    throw error;
  }
  stop.onHurry(() => void opened.close(true));
  let why = "after an error";
  try {
    why = await new Session(opened.cluster, show).run(stop.signal);
  } finally {
    show.say(`stopping everything (${stop.name() ?? why})`);
    await opened.close();
  }
  show.say("stopped; `npm start` resumes, `npm start -- --fresh` forgets");
  return 0;
}
