import type { Cancel } from "@halon/runtime";
import { EXIT_CODE_MISTAKE, type ServiceContext } from "@halon/service-kit";
import { type Api, openApi } from "./api/api.ts";
import { checkStoreApart } from "./check-store.ts";
import type { StationConfig } from "./config.ts";
import { openData } from "./open-data.ts";
import { createStation } from "./service.ts";

/** A station that does not vote says so this often: the reason shall be among the last lines of its log. */
const REMIND_MS = 60_000;

/** The station as a process: opens the data directory and takes part, or says why it does not. */
export async function startStation(context: ServiceContext<StationConfig>): Promise<void> {
  const { config, log, post, clock, random, onStop, onHealth, stop } = context;
  const { cluster, node: member, clusterId, stateDir: dir } = config;
  const data = await openData(dir, { cluster, member, clusterId }, checkStoreApart);
  if (data.kind === "lost") return remainMute(context, data.why);
  if (data.kind === "foreign") {
    log.fatal(data.why);
    if (config.logFile !== undefined) process.stderr.write(`station-replica: ${data.why}\n`);
    return stop("a directory of somebody else", EXIT_CODE_MISTAKE);
  }
  const { identity, journal, store, rebuilt } = data;
  onStop("the journal", () => journal.close());
  onStop("the store", () => store.close());
  for (const part of [journal, store])
    part.onFailure((err) => {
      log.fatal({ err }, err.message);
      stop("the disk failed", 1);
    });
  for (const repair of journal.repairs) log.warn(repair, `${repair.file}: an incomplete last record was cut off`);
  if (rebuilt !== undefined) log.warn(`the applied state is rebuilt from the journal: ${rebuilt}`);
  const onNotice = (notice: string, facts: Readonly<Record<string, unknown>>): void =>
    notice === "no leader" ? log.warn(facts, notice) : log.info(facts, notice);
  const station = createStation(identity, { clock, random, post, journal, store, onNotice });
  onStop("the station", () => station.stop());
  let api: Api | undefined;
  onHealth(() => {
    const { leader } = station;
    const why =
      leader === undefined && `no leader: a majority of ${identity.members.join(", ")} has to run and be connected`;
    return { healthy: leader !== undefined, ...(why && { why }), ...station.status(), ...api?.status() };
  });
  if (config.apiAddress !== "off") {
    api = await openApi(member, config.apiAddress, { clock, random, post, log, store, ask: station.ask });
    onStop("the API", () => api?.stop());
  }
  log.info({ clusterId: identity.clusterId, members: identity.members, records: journal.writtenSeq }, "takes part");
}

/**
 * Why the process stays: its log would otherwise fill with restarts, and nobody could ask it. It is unhealthy, tells the
 * reason to whoever asks, takes no part in anything, and leaves the directory alone.
 */
function remainMute({ log, clock, onStop, onHealth }: ServiceContext<StationConfig>, why: string): void {
  let cancel: Cancel = () => undefined;
  const remind = (): void => {
    log.error(`this station does not vote: ${why}. Then restart it`);
    cancel = clock.at(clock.nowMs() + REMIND_MS, remind);
  };
  remind();
  onStop("the reminder", () => cancel());
  onHealth(() => ({ healthy: false, votes: false, why }));
}
