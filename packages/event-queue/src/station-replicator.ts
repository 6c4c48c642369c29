import { memberName } from "@halon/consensus";
import type { EqTracker } from "@halon/eq-tracker";

import { type Body, type Post, STATE_COMMAND_BYTES_MAX, subjectsOf } from "@halon/proto";

import { LogReplicator } from "@halon/replicator";
import type { Clock, Random } from "@halon/runtime";
import { rendezvous } from "./rendezvous.ts";

export interface StationReplicatorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** Tells who the stations are, and who leads. */
  readonly tracker: EqTracker;
}

/**
 * The stations as a replicator, wherever they are; calls made before any station is known wait. The leader is asked first; while
 * none is known each process begins with another station, so that not all ask the same.
 */
export function createStationReplicator({ clock, random, post, tracker }: StationReplicatorPorts): LogReplicator {
  const subjects = subjectsOf(post.cluster);
  const ask = (
    subject: string,
    body: Body,
    kind: "submitReply" | "watchReply",
    timeoutMs: number,
    done: (reply: Uint8Array | undefined) => void,
  ): void => {
    post.request(subject, body, kind, timeoutMs, (outcome) => {
      if (outcome.kind !== "reply") tracker.refresh();
      done(outcome.kind === "reply" ? outcome.value.bytes : undefined);
    });
  };
  const replicator = new LogReplicator(
    { members: [], commandBytesMax: STATE_COMMAND_BYTES_MAX },
    {
      clock,
      random,
      // Who redirects names a member; of its incarnations the one that runs is addressed.
      request: (to, bytes, timeoutMs, done) =>
        ask(
          subjects.stationSubmit(memberName(to)),
          { kind: "submit", value: { bytes } },
          "submitReply",
          timeoutMs,
          done,
        ),
      watch: (to, bytes, timeoutMs, done) =>
        ask(subjects.stationWatch(memberName(to)), { kind: "watch", value: { bytes } }, "watchReply", timeoutMs, done),
    },
  );
  tracker.onChange(({ stations, leader }) => {
    const inTurn = rendezvous(post.incarnation, stations, stations.length);
    replicator.follow(inTurn, leader === "" ? undefined : leader);
  });
  return replicator;
}
