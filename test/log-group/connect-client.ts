import { Post, subjectsOf } from "@halon/proto";
import { LogReplicator, type LogReplicatorPorts } from "@halon/replicator";
import { systemClock, systemRandom } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";

export interface ClientConfig {
  readonly cluster: string;
  readonly natsUrl: string;
  /** Names the connection: subject tokens. */
  readonly name: string;
  /** Whom to ask; the first of them first. */
  readonly members: readonly string[];
  /** Hears of new leaders from themselves, as stations do; else it learns from those that it asks. By default it does. */
  readonly hearsLeaders?: boolean;
}

/** A client of stations, on a connection of its own. */
export interface LogGroupClient {
  readonly replicator: LogReplicator;
  readonly close: () => Promise<void>;
}

/** `wrap` may lead requests another way than over the bus. */
export async function connectClient(
  { cluster, natsUrl, name, members, hearsLeaders = true }: ClientConfig,
  wrap = (request: LogReplicatorPorts["request"]) => request,
): Promise<LogGroupClient> {
  const transport = await openTransportNats({ servers: [natsUrl], name });
  const post = new Post(transport, systemRandom, { cluster, sender: name });
  const subjects = subjectsOf(cluster);
  const request = wrap((to, bytes, timeoutMs, done) => {
    const body = { kind: "submit", value: { bytes } } as const;
    post.request(subjects.stationSubmit(to), body, "submitReply", timeoutMs, (outcome) =>
      done(outcome.kind === "reply" ? outcome.value.bytes : undefined),
    );
  });
  const replicator = new LogReplicator({ members }, { clock: systemClock, random: systemRandom, request });
  // As from any station: a new leader says so itself, and is then asked at once.
  post.subscribe(subjects.announce("station"), "announce", ({ value: { node, leader } }) => {
    if (leader === node && hearsLeaders) replicator.follow(members, leader);
  });
  return {
    replicator,
    close: () => {
      replicator.stop();
      return transport.close();
    },
  };
}
