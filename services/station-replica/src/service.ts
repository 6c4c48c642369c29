import { createMembership, type MemberId } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import { type Post, type Query, type QueryReply, subjectsOf } from "@halon/proto";
import { LogMember } from "@halon/replicator";
import type { Cancel, Clock, Journal, Random, Store, Subscription } from "@halon/runtime";
import { readLease } from "./coordinator-state.ts";
import { Announced, directoryOf } from "./directory.ts";
import type { Identity } from "./identity.ts";
import { Queries } from "./queries.ts";
import { StationState } from "./station-state.ts";

export interface StationPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly journal: Journal;
  readonly store: Store;
  /** Something worth a line in the log of the service: `leader`, `no leader`, `epoch` (the lease has a new holder). */
  readonly onNotice?: (notice: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface Station {
  /** Whom this station follows; `undefined` while it hears nobody that a majority follows. */
  readonly leader: MemberId | undefined;
  readonly status: () => Readonly<Record<string, unknown>>;
  /** Answers a query as if it had come from the bus: at once, or when enough is applied. */
  readonly ask: (query: Query, answer: (reply: QueryReply) => void) => void;
  stop(): void;
}

const ANNOUNCE_MS = 1_000;

/** One member of the tracking station. A function of its ports: the process and the simulator run the same. */
export function createStation(identity: Identity, ports: StationPorts): Station {
  const { clock, random, post, journal, store } = ports;
  const { member: self, members, clusterId } = identity;
  const subjects = subjectsOf(post.cluster);
  const announced = new Announced();
  let leader: MemberId | undefined;
  let leaseChanged = false;
  let isTelling = false;
  let { epoch } = readLease(store);
  /** One notice per turn: who rebuilds its state applies the renewals of days in a second. */
  const tellLease = (): void => {
    isTelling = false;
    const lease = readLease(store);
    post.publish(subjects.lease(self), { kind: "leaseNotice", value: { station: self, lease } });
    if (lease.epoch !== epoch) ports.onNotice?.("epoch", { epoch: lease.epoch, holder: lease.holder });
    epoch = lease.epoch;
  };
  let cancelTelling: Cancel = () => undefined;
  const membership = createMembership(members);
  const member = new LogMember(
    {
      self,
      consensus: new Paxos({ group: clusterId, self, membership }),
      machine: new StationState(() => {
        leaseChanged = true;
      }),
      onLeader: (next) => {
        leader = next;
        announce();
        ports.onNotice?.(next === undefined ? "no leader" : "leader", { leader: next, ballot: member.status.ballot });
      },
      onApplied: () => {
        queries.onApplied();
        if (leaseChanged && !isTelling) {
          isTelling = true;
          cancelTelling = clock.at(clock.nowMs(), tellLease);
        }
        leaseChanged = false;
      },
    },
    {
      clock,
      random,
      journal,
      store,
      send: (to, bytes) =>
        post.publish(to === "all" ? subjects.stationsLog : subjects.stationLog(to), { kind: "log", value: { bytes } }),
    },
  );
  const counters = () => {
    const { refused, undecodable, dropped, waiting } = member.status;
    return {
      ...post.counters,
      refused,
      logUndecodable: undecodable,
      dropped,
      waiting,
      announcesRefused: announced.refused,
    };
  };
  const queries: Queries = new Queries({
    clock,
    store,
    member,
    status: () => {
      const { role, chosen } = member.status;
      return { node: self, clusterId, role, leader: leader ?? "", members, chosen, counters: counters() };
    },
  });
  const announce = (): void =>
    post.publish(subjects.announce("station"), {
      kind: "announce",
      value: { role: "station", node: self, members, leader: leader ?? "" },
    });
  const subscriptions = subscribe(post, self, { member, queries, announced, clock, leader: () => leader, members });
  let cancel: Cancel = () => undefined;
  const tick = (): void => {
    announce();
    cancel = clock.at(clock.nowMs() + ANNOUNCE_MS, tick);
  };
  member.start();
  tick();
  return {
    get leader() {
      return leader;
    },
    status: () => ({ ...member.status, node: self, clusterId, lease: readLease(store), counters: counters() }),
    ask: (query, answer) => queries.ask(query, answer),
    stop: () => {
      cancel();
      cancelTelling();
      queries.stop();
      for (const subscription of subscriptions) subscription.unsubscribe();
      member.stop();
    },
  };
}

interface Parts {
  readonly member: LogMember;
  readonly queries: Queries;
  readonly announced: Announced;
  readonly clock: Clock;
  readonly leader: () => string | undefined;
  readonly members: readonly string[];
}

function subscribe(post: Post, self: string, parts: Parts): readonly Subscription[] {
  const { member, queries, announced, clock, members } = parts;
  const subjects = subjectsOf(post.cluster);
  /** A station's process is named for its node. */
  const stationOf = (sender: string): string => sender.slice(0, sender.indexOf("."));
  return [
    post.subscribe(subjects.stationsLog, "log", ({ value, header }) => {
      if (stationOf(header.sender) !== self) member.receive(stationOf(header.sender), value.bytes);
    }),
    post.subscribe(subjects.stationLog(self), "log", ({ value, header }) =>
      member.receive(stationOf(header.sender), value.bytes),
    ),
    post.subscribe(subjects.stationSubmit(self), "submit", ({ value, respond }) =>
      member.submit(value.bytes, (bytes) => respond?.({ kind: "submitReply", value: { bytes } })),
    ),
    post.subscribe(subjects.stationQuery(self), "query", ({ value, respond }) =>
      queries.ask(value, (reply) => respond?.({ kind: "queryReply", value: reply })),
    ),
    post.subscribe(
      subjects.directory,
      "directoryRequest",
      ({ respond }) =>
        respond?.({ kind: "directory", value: directoryOf(members, parts.leader(), announced, clock.nowMs()) }),
      "stations",
    ),
    ...["transponder", "monitor"].map((role) =>
      post.subscribe(subjects.announce(role), "announce", ({ value }) => announced.note(value, clock.nowMs())),
    ),
  ];
}
