import type { Group } from "@halon/proto";
import type { Cancel } from "@halon/runtime";
import { EXIT_CODE_MISTAKE, type ServiceContext } from "@halon/service-kit";
import type { StationConfig } from "./config.ts";
import { mintIncarnation, renew } from "./founding.ts";
import { type Identity, memberOf } from "./identity.ts";
import { GroupSearch } from "./joining.ts";
import type { Data } from "./open-data.ts";

/** A station that does not vote says so this often: the reason shall be among the last lines of its log. */
const REMIND_MS = 60_000;
/** What it waits for is looked at this often, to be said when it is another thing. */
const LOOK_MS = 1_000;

type Context = ServiceContext<StationConfig>;
type Lost = Data & { readonly kind: "lost" };

/** A directory with which nothing can be done but by a person. */
export function refuseDirectory({ config, log, stop }: Context, why: string): void {
  log.fatal(why);
  if (config.logFile !== undefined) process.stderr.write(`station-replica: ${why}\n`);
  stop("a directory that is not this station's to use", EXIT_CODE_MISTAKE);
}

/**
 * Why the process stays: its log would otherwise fill with restarts, and nobody could ask it. It is unhealthy, tells the
 * reason to whoever asks, takes no part in anything, and leaves the directory alone.
 */
export function remainMute(context: Context, why: string): void {
  const { name, what } = { name: context.config.node, what: "It may not join again by itself (rejoin is off)" };
  tell(context, () => ({
    why: `${why}. ${what}: put the directory back as it was when the station last ran, or start with --rejoin on, and see: halonctl station replace ${name} ${name}`,
  }));
}

/**
 * Waits for a group that can decide, then begins anew as another incarnation of this node: it learns what was decided, and
 * asks to be let in. Until then the directory is left as it is. `begin`: the directory is a new one.
 */
export function rejoin(context: Context, { why, before }: Lost, begin: () => Promise<void>): void {
  const { config, clock, post, log, random, onStop, stop } = context;
  const enter = async ({ clusterId }: Group): Promise<void> => {
    cancel();
    const identity: Identity = {
      cluster: config.cluster,
      clusterId,
      name: config.node,
      incarnation: mintIncarnation(random),
      stage: "joining",
    };
    log.warn({ member: memberOf(identity), before: before && memberOf(before), clusterId }, `joins anew: ${why}`);
    await renew(config.stateDir, identity, before?.incarnation);
    await begin();
  };
  const search = new GroupSearch(config.clusterId ?? before?.clusterId, {
    clock,
    post,
    onFound: (group) => {
      enter(group).catch((err: unknown) => {
        log.fatal({ err }, "cannot join");
        stop("cannot join", 1);
      });
    },
  });
  onStop("the search for the group", () => search.stop());
  const cancel = tell(context, () => ({ why: `${why}. ${search.why}`, waits: true }));
}

/** Says why it does not vote: to the log now, at each change and from time to time, and to whoever asks. */
function tell(
  { log, clock, onStop, onHealth }: Context,
  facts: () => { readonly why: string; readonly waits?: boolean },
): Cancel {
  let cancel: Cancel = () => undefined;
  let told = { why: "", atMs: Number.NEGATIVE_INFINITY };
  const look = (): void => {
    const nowMs = clock.nowMs();
    const { why } = facts();
    if (why !== told.why || nowMs - told.atMs >= REMIND_MS) {
      log.error(`this station does not vote: ${why}`);
      told = { why, atMs: nowMs };
    }
    cancel = clock.at(nowMs + LOOK_MS, look);
  };
  look();
  onStop("the reminder", () => cancel());
  onHealth(() => ({ healthy: false, votes: false, ...facts() }));
  return () => cancel();
}
