import { type Consensus, createMembership, type MemberId, memberName } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import { DIGEST_KEY, readState, type StateMachine } from "@halon/replicated-log";
import { LogMember, type LogMemberNotice, type LogMemberOptions, SNAPSHOT_BYTES_DEFAULT } from "@halon/replicator";
import { type Journal, JournalError, type Store } from "@halon/runtime";
import type { Instance, ProcessPorts } from "@halon/simulation";
import type { GroupWatch } from "./group-watch.ts";
import { listMachine } from "./list-machine.ts";

const GROUP = "lists";

/** What a test may put in the place of the real thing. */
export interface Substitutes {
  readonly consensus?: (member: MemberId, real: Consensus) => Consensus;
  readonly journal?: (member: MemberId, real: Journal) => Journal;
  readonly store?: (member: MemberId, real: Store) => Store;
  readonly machine?: (member: MemberId, real: StateMachine) => StateMachine;
}

export interface StationOptions {
  readonly name: string;
  /** Those who found the group, this one included; undefined for one that joins later. */
  readonly founders: readonly MemberId[] | undefined;
  readonly watch: GroupWatch;
  readonly substitutes: Substitutes;
  readonly limits: Pick<LogMemberOptions, "snapshotBytes" | "digestEvery" | "sessions">;
  /** Which storage of this station is in use, from 1. */
  readonly incarnation: () => number;
  /** There was a journal of this incarnation, and it is gone. */
  readonly isMissing: () => boolean;
  /** The storage in use is damaged: a new one, which is as good as a new member. */
  readonly onDamaged: () => void;
  readonly onNotice: (notice: LogMemberNotice) => void;
}

export const submitSubject = (member: MemberId): string => `log.submit.${memberName(member)}`;
export const journalName = (incarnation: number): string => `log-${incarnation}`;

/** A process that holds one member of the group. */
export class LogStation implements Instance {
  readonly self: MemberId;
  readonly member: LogMember;
  readonly store: Store;

  constructor(options: StationOptions, ports: ProcessPorts) {
    const { name, founders, watch, substitutes, limits, incarnation } = options;
    const { clock, random, transport } = ports;
    const realJournal = openJournal(options, ports);
    const self = `${name}.${incarnation()}`;
    this.self = self;
    const realStore = ports.openStore(`state-${incarnation()}`, `${GROUP}/${self}`);
    const journal = substitutes.journal?.(self, realJournal) ?? realJournal;
    const store = substitutes.store?.(self, realStore) ?? realStore;
    this.store = store;
    for (const part of [journal, store]) part.onFailure((error) => ports.exit(error.message));
    const real = new Paxos({ group: GROUP, self, openBytesMax: (limits.snapshotBytes ?? SNAPSHOT_BYTES_DEFAULT) / 2 });
    const consensus = watch.begin(self, substitutes.consensus?.(self, real) ?? real, journal);
    const machine = new RecordingMachine(substitutes.machine?.(self, listMachine) ?? listMachine);
    const isFounder = founders?.includes(self) ?? false;
    this.member = new LogMember(
      {
        self,
        consensus,
        machine,
        ...(founders !== undefined && isFounder && { founding: createMembership(founders) }),
        ...limits,
        onLeader: (leader) => ports.trace(leader === self ? "leads" : `follows ${leader ?? "nobody"}`),
        onApplied: (number) => {
          const digest = store.get(DIGEST_KEY);
          watch.applied({
            member: self,
            number,
            payloads: machine.take(),
            digest: digest && Buffer.from(digest).toString("latin1"),
          });
          ports.trace(`applied ${number}`);
        },
        onInstalled: (number) => ports.trace(`has the state as of ${number}`),
        onNotice: (notice) => {
          ports.trace(`notices ${JSON.stringify(notice)}, holding ${readState(store).applied}`);
          options.onNotice(notice);
        },
      },
      {
        clock,
        random,
        journal,
        store,
        send: (to, bytes) =>
          transport.publish(to === "all" ? `log.all.${name}` : `log.to.${memberName(to)}.${name}`, bytes),
      },
    );
    const hear = (message: { readonly subject: string; readonly payload: Uint8Array }): void =>
      this.member.receive(message.subject.slice(message.subject.lastIndexOf(".") + 1), message.payload);
    transport.subscribe("log.all.*", {}, hear);
    transport.subscribe(`log.to.${name}.*`, {}, hear);
    transport.subscribe(submitSubject(name), {}, ({ payload, respond }) =>
      this.member.submit(payload, (reply) => respond?.(reply)),
    );
    this.member.start();
  }

  stop(): void {
    this.member.stop();
  }
}

/** A journal that is damaged is never opened again; what comes in its place belongs to another member. */
function openJournal({ name, incarnation, isMissing, onDamaged }: StationOptions, ports: ProcessPorts): Journal {
  const open = (): Journal => ports.openJournal(journalName(incarnation()), `${GROUP}/${name}.${incarnation()}`);
  try {
    if (isMissing()) throw new JournalError("missing", `journal ${journalName(incarnation())} is gone`);
    return open();
  } catch (error) {
    if (!(error instanceof JournalError) || (error.code !== "damaged" && error.code !== "missing")) throw error;
    onDamaged();
    ports.trace(`${error.message}; now incarnation ${incarnation()}`);
    return open();
  }
}

/** Remembers what it has executed since it was last asked. */
class RecordingMachine implements StateMachine {
  readonly #inner: StateMachine;
  #executed: Uint8Array[] = [];

  constructor(inner: StateMachine) {
    this.#inner = inner;
  }

  apply(...[payload, state, context]: Parameters<StateMachine["apply"]>): Uint8Array {
    this.#executed.push(payload);
    return this.#inner.apply(payload, state, context);
  }

  query(...[payload, state]: Parameters<StateMachine["query"]>): Uint8Array {
    return this.#inner.query(payload, state);
  }

  take(): readonly Uint8Array[] {
    const executed = this.#executed;
    this.#executed = [];
    return executed;
  }
}
