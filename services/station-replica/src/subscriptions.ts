import { type Post, type Query, type QueryReply, subjectsOf } from "@halon/proto";
import type { LogMember, LogMemberStatus } from "@halon/replicator";
import type { Clock, Subscription } from "@halon/runtime";
import type { Announced } from "./directory.ts";
import type { StationState } from "./station-state.ts";

export interface SubscribedParts {
  readonly clock: Clock;
  readonly member: Pick<LogMember, "receive" | "submit" | "watch">;
  readonly announced: Announced;
  readonly ask: (query: Query, answer: (reply: QueryReply) => void) => void;
}

/** A station's process is named for its node. */
const stationOf = (sender: string): string => sender.slice(0, sender.indexOf("."));

/** What the station on node `name` hears, but for questions about the directory, which it answers only while it votes. */
export function subscribe(post: Post, name: string, parts: SubscribedParts): Subscription[] {
  const { clock, member, announced, ask } = parts;
  const subjects = subjectsOf(post.cluster);
  return [
    post.subscribe(subjects.stationsLog, "log", ({ value, header }) => {
      if (stationOf(header.sender) !== name) member.receive(stationOf(header.sender), value.bytes);
    }),
    post.subscribe(subjects.stationLog(name), "log", ({ value, header }) =>
      member.receive(stationOf(header.sender), value.bytes),
    ),
    post.subscribe(subjects.stationSubmit(name), "submit", ({ value, respond }) =>
      member.submit(value.bytes, (bytes) => respond?.({ kind: "submitReply", value: { bytes } })),
    ),
    post.subscribe(subjects.stationWatch(name), "watch", ({ value, respond }) =>
      member.watch(value.bytes, (bytes) => respond?.({ kind: "watchReply", value: { bytes } })),
    ),
    post.subscribe(subjects.stationQuery(name), "query", ({ value, respond }) =>
      ask(value, (reply) => respond?.({ kind: "queryReply", value: reply })),
    ),
    ...["transponder", "monitor", "station"].map((role) =>
      post.subscribe(subjects.announce(role), "announce", ({ value, header }) => {
        if (role !== "station" || stationOf(header.sender) === value.node) announced.note(value, clock.nowMs());
      }),
    ),
  ];
}

/** All of them count from the start of the process; what is no count is in the status. */
export function countersOf(
  post: Post,
  announced: Announced,
  machine: Pick<StationState, "malformed">,
  status: LogMemberStatus,
): Readonly<Record<string, number>> {
  const { refused, refusedFrames, undecodable, dropped, waiting, diverged, installs, trims, watch } = status;
  return {
    ...post.counters,
    refused,
    refusedFrames,
    logUndecodable: undecodable,
    commandsMalformed: machine.malformed,
    dropped,
    waiting,
    diverged,
    installs,
    trims,
    announcesRefused: announced.refused,
    watchers: watch.watchers,
    watchesMalformed: watch.malformed,
  };
}
