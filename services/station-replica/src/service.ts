import { createMembership, type MemberId, memberName } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import {
  type Post,
  type Query,
  type QueryReply,
  STATE_COMMAND_BYTES_MAX,
  type Subjects,
  subjectsOf,
} from "@halon/proto";
import { LogMember, type LogMemberNotice } from "@halon/replicator";
import type { Cancel, Clock, Journal, Random, Store, Subscription } from "@halon/runtime";
import { GRAPH_PREFIX, readLease } from "./coordinator-state.ts";
import { Announced, directoryOf } from "./directory.ts";
import { Enlistment } from "./enlistment.ts";
import { type Identity, memberOf } from "./identity.ts";
import { LeaseNotices } from "./lease-notices.ts";
import { Queries } from "./queries.ts";
import { type Standing, standingOf } from "./standing.ts";
import { type StationView, stationList } from "./station-list.ts";
import { StationState } from "./station-state.ts";
import { countersOf, subscribe } from "./subscriptions.ts";

/** What the log of the service should tell: a kind, and facts. */
export type StationNotice =
  | LogMemberNotice["kind"]
  | "leader"
  | "no leader"
  /** The lease has a new holder. */
  | "epoch"
  /** This station has become a member, or has ceased to be one. */
  | "votes"
  | "does not vote"
  /** It asked to become one. */
  | "not admitted";

export interface StationPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly journal: Journal;
  readonly store: Store;
  readonly onNotice?: (notice: StationNotice, facts: Readonly<Record<string, unknown>>) => void;
  /** Once, when this station is a member: its identity should say so from now on. */
  readonly onMember?: () => void;
}

export interface StationOptions {
  /** Whether it may take the place of an earlier incarnation of itself without being told to. */
  readonly isRejoining?: boolean;
  /** What all entries of the applied state come to, where somebody has looked since it was last used. */
  readonly storeDigest?: string | undefined;
}

const STATION_TICK_MS = 1_000;

/** One member of the tracking station, or one that is to be. A function of its ports: the process and the simulator run the same. */
export const createStation = (identity: Identity, ports: StationPorts, options: StationOptions = {}): Station =>
  new Station(identity, ports, options);

export class Station {
  readonly #identity: Identity;
  readonly #self: MemberId;
  readonly #ports: StationPorts;
  readonly #isRejoining: boolean;
  readonly #subjects: Subjects;
  readonly #announced = new Announced();
  readonly #machine = new StationState(() => this.#leases.changed());
  readonly #member: LogMember;
  readonly #queries: Queries;
  readonly #leases: LeaseNotices;
  readonly #enlistment: Enlistment;
  readonly #subscriptions: Subscription[];
  #directory: Subscription | undefined;
  #leader: MemberId | undefined;
  #standing: Standing = { kind: "learns", why: "it reads what it has stored" };
  /** What was said of it last. */
  #told = "";
  #isKnownMember: boolean;
  #cancelTick: Cancel = () => undefined;

  constructor(identity: Identity, ports: StationPorts, { isRejoining = true, storeDigest }: StationOptions) {
    const { clock, random, post, store } = ports;
    this.#identity = identity;
    this.#ports = ports;
    this.#self = memberOf(identity);
    this.#isRejoining = isRejoining;
    this.#isKnownMember = identity.stage === "member";
    this.#subjects = subjectsOf(post.cluster);
    this.#leases = new LeaseNotices({
      clock,
      store,
      publish: (lease) =>
        post.publish(this.#subjects.lease(identity.name), {
          kind: "leaseNotice",
          value: { station: identity.name, lease },
        }),
      onEpoch: ({ epoch, holder }) => this.#notice("epoch", { epoch, holder }),
    });
    this.#member = this.#createMember(storeDigest);
    this.#queries = new Queries({ clock, store, member: this.#member, status: () => this.#stationStatus() });
    this.#enlistment = new Enlistment(this.#self, {
      clock,
      random,
      post,
      onRefused: (why) => this.#notice("not admitted", { why }),
    });
    this.#subscriptions = subscribe(post, identity.name, {
      clock,
      member: this.#member,
      announced: this.#announced,
      ask: (query, answer) => this.ask(query, answer),
    });
    this.#member.start();
    this.#tick();
  }

  /** Where it runs. */
  get node(): string {
    return this.#identity.name;
  }

  /** Node of whom this station follows; `undefined` while it hears nobody that a majority follows. */
  get leader(): string | undefined {
    return this.#leader && memberName(this.#leader);
  }

  /** Whether it votes, and if not why. As of the last second. */
  get standing(): Standing {
    return this.#standing;
  }

  /** Whether what it has applied may be read. */
  get isServing(): boolean {
    return this.#member.position.phase === "serving";
  }

  /** For people and their tools. */
  status(): Readonly<Record<string, unknown>> {
    const { progress, disowned, transfers, ...status } = this.#member.status;
    return {
      ...status,
      progress: Object.fromEntries(progress),
      disowned: Object.fromEntries(disowned),
      transfers: Object.fromEntries(transfers),
      leader: this.leader,
      node: this.#identity.name,
      member: this.#self,
      members: this.#members(),
      votes: this.#standing.kind === "votes",
      clusterId: this.#identity.clusterId,
      lease: readLease(this.#ports.store),
      counters: this.#counters(),
    };
  }

  /** Stations that vote, and those that were heard lately. */
  stations(): readonly StationView[] {
    const { clock } = this.#ports;
    const others = this.#announced
      .stations(this.#identity.clusterId, clock.nowMs())
      .filter(({ member }) => member !== this.#self);
    const { role, applied } = this.#member.status;
    const self = { clusterId: this.#identity.clusterId, member: this.#self, role, applied };
    return stationList(this.#members(), [...others, self]);
  }

  /** Answers a query as if it had come from the bus: at once, or when enough is applied. */
  ask(query: Query, answer: (reply: QueryReply) => void): void {
    this.#queries.ask(query, answer);
  }

  /** Gives back what of the journal is not needed any more, at once: the disk runs full. */
  trim(): void {
    this.#member.trim();
  }

  stop(): void {
    this.#cancelTick();
    this.#leases.stop();
    this.#enlistment.stop();
    this.#queries.stop();
    this.#directory?.unsubscribe();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#member.stop();
  }

  #createMember(storeDigest: string | undefined): LogMember {
    const { clock, random, post, journal, store } = this.#ports;
    const { clusterId, stage, members } = this.#identity;
    const isFounding = stage === "founding" && members !== undefined;
    return new LogMember(
      {
        self: this.#self,
        consensus: new Paxos({ group: clusterId, self: this.#self }),
        machine: this.#machine,
        commandBytesMax: STATE_COMMAND_BYTES_MAX,
        // The graph alone: events come and go too fast for anybody to follow, and have a reader of their own.
        watch: { group: clusterId, prefixes: [GRAPH_PREFIX] },
        ...(isFounding && { founding: createMembership(members) }),
        ...(storeDigest !== undefined && { storeDigest }),
        onLeader: (leader) => this.#onLeader(leader),
        onApplied: () => {
          this.#queries.onApplied();
          this.#leases.tell();
        },
        onInstalled: () => {
          this.#queries.onApplied();
          this.#leases.changed();
          this.#leases.tell();
        },
        onNotice: ({ kind, ...facts }) => this.#notice(kind, facts),
      },
      {
        clock,
        random,
        journal,
        store,
        send: (to, bytes) => {
          const subject = to === "all" ? this.#subjects.stationsLog : this.#subjects.stationLog(memberName(to));
          post.publish(subject, { kind: "log", value: { bytes } });
        },
      },
    );
  }

  #onLeader(leader: MemberId | undefined): void {
    this.#leader = leader;
    const facts = { leader: this.leader, ballot: this.#member.status.ballot };
    this.#notice(leader === undefined ? "no leader" : "leader", facts);
    this.#review();
  }

  #tick(): void {
    const { clock } = this.#ports;
    this.#cancelTick = clock.at(clock.nowMs() + STATION_TICK_MS, () => this.#tick());
    this.#review();
  }

  /** Finds out how it stands, acts upon it, and tells everybody. */
  #review(): void {
    const { membership, disowned, phase } = this.#member.status;
    if (phase === "restoring") return;
    const standing = standingOf({
      identity: this.#identity,
      isRejoining: this.#isRejoining,
      membership,
      disowned,
      leader: this.#leader,
      refusal: this.#enlistment.refusal,
    });
    this.#standing = standing;
    this.#tell(standing);
    if (standing.kind === "disowned") return this.stop();
    if (standing.kind === "votes" && !this.#isKnownMember) {
      this.#isKnownMember = true;
      this.#ports.onMember?.();
    }
    if (standing.kind !== "joins") this.#enlistment.stop();
    else if (this.#leader !== undefined) this.#enlistment.ask(standing.instead);
    this.#tellDirectory(standing.kind === "votes");
    this.#announce();
  }

  #tell(standing: Standing): void {
    const told = standing.kind === "learns" ? standing.why : standing.kind;
    if (told === this.#told) return;
    this.#told = told;
    if (standing.kind === "votes") this.#notice("votes", { members: this.#members() });
    else this.#notice("does not vote", { why: standing.why, member: this.#self });
  }

  /** Who does not vote may be wrong about who does. */
  #tellDirectory(isTelling: boolean): void {
    if (isTelling === (this.#directory !== undefined)) return;
    this.#directory?.unsubscribe();
    const { post, clock } = this.#ports;
    this.#directory = isTelling
      ? post.subscribe(
          this.#subjects.directory,
          "directoryRequest",
          ({ respond }) => {
            const members = this.#member.status.membership?.members ?? [];
            const value = directoryOf(this.#identity.clusterId, members, this.#leader, this.#announced, clock.nowMs());
            respond?.({ kind: "directory", value });
          },
          "stations",
        )
      : undefined;
  }

  #announce(): void {
    const { clusterId, name } = this.#identity;
    const { role, applied } = this.#member.status;
    const station = { clusterId, member: this.#self, role, applied };
    const members = this.#members().map(memberName);
    const value = { role: "station", node: name, members, leader: this.leader ?? "", station };
    this.#ports.post.publish(this.#subjects.announce("station"), { kind: "announce", value });
  }

  #members(): readonly MemberId[] {
    return this.#member.status.membership?.members ?? [];
  }

  #stationStatus() {
    const { role, chosen } = this.#member.status;
    const { name: node, clusterId } = this.#identity;
    const members = this.#members().map(memberName);
    return { node, clusterId, role, leader: this.leader ?? "", members, chosen, counters: this.#counters() };
  }

  #counters(): Readonly<Record<string, number>> {
    return countersOf(this.#ports.post, this.#announced, this.#machine, this.#member.status);
  }

  #notice(notice: StationNotice, facts: Readonly<Record<string, unknown>>): void {
    this.#ports.onNotice?.(notice, facts);
  }
}
