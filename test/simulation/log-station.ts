import { type Consensus, createMembership, type MemberId } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import { LogMember } from "@halon/replicator";
import type { Journal, Store } from "@halon/runtime";
import type { Instance, ProcessPorts } from "@halon/simulation";
import type { Ledger } from "./ledger.ts";
import { listMachine } from "./list-machine.ts";

const GROUP = "lists";

/** What a test may put in the place of the real thing. */
export interface Substitutes {
  readonly consensus?: (member: MemberId, real: Consensus) => Consensus;
  readonly journal?: (member: MemberId, real: Journal) => Journal;
  readonly store?: (member: MemberId, real: Store) => Store;
}

export interface StationOptions {
  readonly self: MemberId;
  readonly members: readonly MemberId[];
  readonly ledger: Ledger;
  readonly substitutes: Substitutes;
}

export const submitSubject = (member: MemberId): string => `log.submit.${member}`;

/** A process that holds one member of the group. */
export class LogStation implements Instance {
  readonly member: LogMember;
  readonly store: Store;

  constructor(options: StationOptions, ports: ProcessPorts) {
    const { self, members, ledger, substitutes } = options;
    const { clock, random, transport } = ports;
    const identity = `${GROUP}/${self}`;
    const realJournal = ports.openJournal("log", identity);
    const realStore = ports.openStore("state", identity);
    const journal = substitutes.journal?.(self, realJournal) ?? realJournal;
    this.store = substitutes.store?.(self, realStore) ?? realStore;
    for (const part of [journal, this.store]) part.onFailure((error) => ports.exit(error.message));
    const real = new Paxos({ group: GROUP, self, membership: createMembership(members) });
    const consensus = ledger.watch(self, substitutes.consensus?.(self, real) ?? real);
    this.member = new LogMember(
      {
        self,
        consensus,
        machine: listMachine,
        onLeader: (leader) => ports.trace(leader === self ? "leads" : `follows ${leader ?? "nobody"}`),
        onApplied: (number) => ports.trace(`applied ${number}`),
      },
      {
        clock,
        random,
        journal,
        store: this.store,
        send: (to, bytes) => transport.publish(to === "all" ? `log.all.${self}` : `log.to.${to}.${self}`, bytes),
      },
    );
    const hear = (message: { readonly subject: string; readonly payload: Uint8Array }): void =>
      this.member.receive(message.subject.slice(message.subject.lastIndexOf(".") + 1), message.payload);
    transport.subscribe("log.all.*", {}, hear);
    transport.subscribe(`log.to.${self}.*`, {}, hear);
    transport.subscribe(submitSubject(self), {}, ({ payload, respond }) =>
      this.member.submit(payload, (reply) => respond?.(reply)),
    );
    this.member.start();
  }

  stop(): void {
    this.member.stop();
  }
}
