import { memberName } from "@halon/consensus";
import type { Logger, ServiceContext } from "@halon/service-kit";
import { type Api, openApi } from "./api/api.ts";
import type { StationConfig } from "./config.ts";
import { DiskWatch, freeBytes, remedyOf } from "./disk-watch.ts";
import { type Identity, memberOf, writeIdentity } from "./identity.ts";
import type { Data } from "./open-data.ts";
import { createStation, type Station, type StationNotice } from "./service.ts";

type Context = ServiceContext<StationConfig>;
type Opened = Data & { readonly kind: "opened" };

/** What a person had better look at. */
const WARNINGS: readonly StationNotice[] = [
  "no leader",
  "diverged",
  "undecided",
  "damaged",
  "distrusted",
  "does not vote",
  "not admitted",
];

const MEANINGS: Partial<Readonly<Record<StationNotice, string>>> = {
  diverged: "the state here is not that of a majority: it is replaced by theirs",
  undecided: "states of members differ, and no majority has the same: compare the directories",
  damaged: "the state here is not what was written: it is replaced by that of another member",
  behind: "too far behind for the log: the state is replaced by that of another member",
  distrusted: "the state of another member is not what it says itself: it is not taken",
  installed: "the state of another member is in use here",
  votes: "votes",
};

/** Runs the station on its opened directory, for as long as the process lasts. */
export async function takePart(context: Context, data: Opened): Promise<void> {
  const { config, log, post, clock, random, onStop, onHealth } = context;
  const { identity, journal, store, storeDigest, rebuilt } = data;
  watchDisks(context, data);
  for (const repair of journal.repairs) log.warn(repair, `${repair.file}: an incomplete last record was cut off`);
  if (rebuilt !== undefined) log.warn(`the applied state is rebuilt: ${rebuilt}`);
  const onNotice = (notice: StationNotice, facts: Readonly<Record<string, unknown>>): void => write(log, notice, facts);
  const onMember = (): void => writeIdentity(config.stateDir, asMember(identity));
  const ports = { clock, random, post, journal, store, onNotice, onMember };
  const station = createStation(identity, ports, { isRejoining: config.rejoin === "on", storeDigest });
  onStop("the station", () => station.stop());
  const trim = (why: string): void => {
    log.error(`the disk is full, or nearly so (${why}): what is not needed is given back now. Make room on it`);
    station.trim();
  };
  journal.onLow(trim);
  const disk = new DiskWatch({
    clock,
    free: () => freeBytes(config.stateDir),
    onLow: (bytes) => trim(`${bytes} bytes are free`),
  });
  onStop("the disk's watch", () => disk.stop());
  let api: Api | undefined;
  onHealth(() => ({ ...healthOf(station), diskFull: journal.isLow || disk.isLow, ...api?.status() }));
  if (config.apiAddress !== "off") {
    const access = { clock, random, post, log, store, station };
    api = await openApi(config.node, config.apiAddress, access);
    onStop("the API", () => api?.stop());
  }
  const { clusterId, stage } = identity;
  log.info({ clusterId, member: memberOf(identity), stage, records: journal.writtenSeq }, "takes part");
}

/** A disk that takes nothing more ends the process. */
function watchDisks({ config, log, onStop, stop }: Context, { journal, store }: Opened): void {
  onStop("the journal", () => journal.close());
  onStop("the store", () => store.close());
  for (const part of [journal, store])
    part.onFailure((err) => {
      log.fatal({ err }, err.message + remedyOf(freeBytes(config.stateDir)));
      stop("the disk failed", 1);
    });
}

const asMember = (identity: Identity): Identity => ({ ...identity, stage: "member", members: undefined });

function healthOf(station: Station): Readonly<Record<string, unknown>> & { readonly healthy: boolean } {
  const { standing, leader } = station;
  const { why } = standing;
  const isHealthy = standing.kind === "votes" && leader !== undefined && station.isServing;
  return { ...station.status(), healthy: isHealthy, ...(why !== undefined && { why }) };
}

function write(log: Logger, notice: StationNotice, facts: Readonly<Record<string, unknown>>): void {
  const meaning = MEANINGS[notice] ?? notice;
  const line = "why" in facts ? `${notice}: ${facts["why"]}` : meaning;
  if (WARNINGS.includes(notice)) log.warn(facts, line);
  else log.info(facts, line);
  const { members } = facts;
  if (notice === "votes" && Array.isArray(members) && members.length % 2 === 0)
    log.warn(`${members.length} stations vote (${members.map(memberName).join(", ")}): ${evenness(members.length)}`);
}

/** Why an even number of members is not recommended. */
const evenness = (count: number): string =>
  count === 2
    ? "two tolerate no failure: add a third one"
    : `${count} tolerate as many failures as ${count - 1} do: add one or remove one`;
