import { createMembership, type MemberId, memberName } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import type { StateMachine } from "@halon/replicated-log";
import {
  LogMember,
  type LogMemberNotice,
  type LogMemberOptions,
  LogReplicator,
  type LogReplicatorPorts,
} from "@halon/replicator";
import type { Store } from "@halon/runtime";
import { type Instance, type ProcessPorts, type SimulatedProcess, World } from "@halon/simulation";

const MEMBERS: readonly MemberId[] = ["a", "b", "c"];

export interface GroupOptions extends Pick<LogMemberOptions, "snapshotBytes" | "digestEvery" | "watch"> {
  /** Started besides the founders, without knowing the group. */
  readonly joiners?: readonly MemberId[];
  readonly cacheBytesMax?: number;
  /** Messages that never leave. */
  readonly loses?: (bytes: Uint8Array) => boolean;
}

export type Notice = LogMemberNotice & { readonly member: MemberId };

/** One member in a process of its own. */
export class MemberProcess implements Instance {
  readonly member: LogMember;
  readonly store: Store;

  constructor(
    self: MemberId,
    machine: StateMachine,
    { joiners, cacheBytesMax, loses, ...options }: GroupOptions,
    notices: Notice[],
    { clock, random, transport, ...ports }: ProcessPorts,
  ) {
    const journal = ports.openJournal("log", self);
    this.store = ports.openStore("state", self);
    const name = memberName(self);
    const send = (to: MemberId | "all", bytes: Uint8Array): void => {
      if (loses?.(bytes) !== true) transport.publish(`to.${memberName(to)}.${name}`, bytes);
    };
    const consensus = new Paxos({ group: "g", self, ...(cacheBytesMax !== undefined && { cacheBytesMax }) });
    this.member = new LogMember(
      {
        self,
        consensus,
        machine,
        ...options,
        ...(joiners?.includes(self) ? {} : { founding: createMembership(MEMBERS) }),
        onNotice: (notice) => notices.push({ member: self, ...notice }),
      },
      { clock, random, journal, store: this.store, send },
    );
    for (const to of [name, "all"])
      transport.subscribe(`to.${to}.*`, {}, ({ subject, payload }) =>
        this.member.receive(subject.slice(subject.lastIndexOf(".") + 1), payload),
      );
    transport.subscribe(`submit.${name}`, {}, ({ payload, respond }) =>
      this.member.submit(payload, (reply) => respond?.(reply)),
    );
    transport.subscribe(`watch.${name}`, {}, ({ payload, respond }) =>
      this.member.watch(payload, (reply) => respond?.(reply)),
    );
    this.member.start();
  }

  stop(): void {
    this.member.stop();
  }
}

/** Three members and a client of them, in virtual time. */
export class SimulatedGroup {
  readonly world: World;
  readonly members: readonly SimulatedProcess<MemberProcess>[];
  readonly replicator: LogReplicator;
  readonly notices: Notice[] = [];

  constructor(machine: StateMachine, options: GroupOptions = {}, seed = 1) {
    const world = new World({ seed, replay: "npx vitest run --project unit packages/replicator" });
    this.world = world;
    this.members = [...MEMBERS, ...(options.joiners ?? [])].map((self) =>
      world.spawn(
        memberName(self),
        "member",
        (ports) => new MemberProcess(self, machine, options, this.notices, ports),
      ),
    );
    const client = world.spawn("client", "app", ({ clock, random, transport }) => {
      const ask =
        (what: string): LogReplicatorPorts["request"] =>
        (to, payload, timeoutMs, done) => {
          transport.request(`${what}.${memberName(to)}`, payload, timeoutMs, (outcome) =>
            done(outcome.kind === "reply" ? outcome.payload : undefined),
          );
        };
      const replicator = new LogReplicator(
        { members: MEMBERS },
        {
          clock,
          random,
          request: ask("submit"),
          watch: ask("watch"),
        },
      );
      return { replicator, transport, stop: () => replicator.stop() };
    });
    if (client.instance === undefined) throw new Error("the client is down");
    this.replicator = client.instance.replicator;
  }

  /** A process beside the others that says what it likes. */
  say(subject: string, payload: Uint8Array): void {
    this.world.spawn(`stranger-${this.world.processes.length}`, "app", ({ transport }) => {
      transport.publish(subject, payload);
      return { stop: () => undefined };
    });
  }

  member(at: number): LogMember {
    const member = this.members[at]?.instance?.member;
    if (member === undefined) throw new Error(`member ${at} is down`);
    return member;
  }

  get leader(): SimulatedProcess<MemberProcess> | undefined {
    return this.members.find(({ instance }) => instance?.member.status.role === "leader");
  }
}
