import { decodeSubmit, encodeReply } from "@halon/replicated-log";
import { type Submit, serveStation } from "../log-group/serve-station.ts";
import type { StationConfig } from "../log-group/station-messages.ts";
import { listMachine } from "../simulation/list-machine.ts";

/** What a station of lists is told. */
export interface ListStationConfig extends StationConfig {
  /** A planted bug: it answers reads from what it has, and asks nobody whether that is all. */
  readonly isCareless: boolean;
}

const submitCarelessly: Submit = (member, submission, reply) => {
  const commands = decodeSubmit(submission).map((each) => (each.kind === "read" ? { ...each, kind: "stale" } : each));
  member.submitCommands(commands as ReturnType<typeof decodeSubmit>, (outcomes) => reply(encodeReply(outcomes)));
};

// A station that keeps lists.
const config = JSON.parse(process.argv[2] ?? "") as ListStationConfig;
await serveStation(config, listMachine, config.isCareless ? submitCarelessly : undefined);
