import { createMembership, type MemberId } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import type { StateMachine } from "@halon/replicated-log";
import { LogMember, LogReplicator } from "@halon/replicator";
import { type Instance, type ProcessPorts, type SimulatedProcess, World } from "@halon/simulation";

const MEMBERS: readonly MemberId[] = ["a", "b", "c"];

/** One member in a process of its own. */
class MemberProcess implements Instance {
  readonly member: LogMember;

  constructor(self: MemberId, machine: StateMachine, { clock, random, transport, ...ports }: ProcessPorts) {
    const journal = ports.openJournal("log", self);
    const store = ports.openStore("state", self);
    const send = (to: MemberId | "all", bytes: Uint8Array): void => transport.publish(`to.${to}.${self}`, bytes);
    const consensus = new Paxos({ group: "g", self, membership: createMembership(MEMBERS) });
    this.member = new LogMember({ self, consensus, machine }, { clock, random, journal, store, send });
    for (const to of [self, "all"])
      transport.subscribe(`to.${to}.*`, {}, ({ subject, payload }) =>
        this.member.receive(subject.slice(subject.lastIndexOf(".") + 1), payload),
      );
    transport.subscribe(`submit.${self}`, {}, ({ payload, respond }) =>
      this.member.submit(payload, (reply) => respond?.(reply)),
    );
    this.member.start();
  }

  stop(): void {
    this.member.stop();
  }
}

/** Three members and a client of them, in virtual time. */
export class SimulatedGroup {
  readonly world = new World({ seed: 1, replay: "npx vitest run --project unit packages/replicator" });
  readonly members: readonly SimulatedProcess<MemberProcess>[];
  readonly replicator: LogReplicator;

  constructor(machine: StateMachine) {
    const { world } = this;
    this.members = MEMBERS.map((self) =>
      world.spawn(self, "member", (ports) => new MemberProcess(self, machine, ports)),
    );
    const client = world.spawn("client", "app", ({ clock, random, transport }) => {
      const replicator = new LogReplicator(
        { members: MEMBERS },
        {
          clock,
          random,
          request: (to, submission, timeoutMs, done) => {
            transport.request(`submit.${to}`, submission, timeoutMs, (outcome) =>
              done(outcome.kind === "reply" ? outcome.payload : undefined),
            );
          },
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

  get leader(): SimulatedProcess<MemberProcess> | undefined {
    return this.members.find(({ instance }) => instance?.member.status.role === "leader");
  }
}
