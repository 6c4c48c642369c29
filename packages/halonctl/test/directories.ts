import { cpSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { createMembership, memberName } from "@halon/consensus";
import { Paxos } from "@halon/paxos";
import type { StateMachine } from "@halon/replicated-log";
import { LogMember } from "@halon/replicator";
import { systemClock, systemRandom } from "@halon/runtime";
import { type Data, found, foundingIdentity, memberOf, openData } from "@halon/station-replica";

const GROUP = { cluster: "halon", clusterId: "00c0ffee" };
/** Quick, and still calm on a machine that is busy. */
const PACE = { heartbeatMs: 60, leaseMs: 240, electionMs: 300 };
const UNTIL_MS = 30_000;

/** A set of texts. */
const machine: StateMachine = {
  apply(payload, state) {
    state.put(new TextDecoder().decode(payload), payload);
    return payload;
  },
  query: () => new Uint8Array(0),
};

interface Running {
  readonly member: LogMember;
  readonly data: Data & { kind: "opened" };
}

/** Stations in this process, without a bus, on real directories: below `root`, each under its name. */
export class Directories {
  readonly root: string;
  readonly #running = new Map<string, Running>();

  constructor(root: string) {
    this.root = root;
  }

  dir(name: string): string {
    return join(this.root, name);
  }

  async found(...names: readonly string[]): Promise<void> {
    for (const name of names) await found(this.dir(name), foundingIdentity(GROUP, name, names));
    for (const name of names) await this.start(name);
  }

  /** Takes a station up that its own service would, too. */
  async start(name: string, snapshotBytes = 64 * 1024 * 1024): Promise<LogMember> {
    const data = await openData(this.dir(name), { cluster: GROUP.cluster, name }, () => Promise.resolve({}));
    if (data.kind !== "opened") throw new Error(data.why);
    const { identity, journal, store } = data;
    const self = memberOf(identity);
    const { members } = identity;
    const member = new LogMember(
      {
        self,
        consensus: new Paxos({ group: identity.clusterId, self, ...PACE }),
        machine,
        snapshotBytes,
        ...(members && { founding: createMembership(members) }),
      },
      { clock: systemClock, random: systemRandom, journal, store, send: (to, bytes) => this.#send(name, to, bytes) },
    );
    this.#running.set(name, { member, data });
    member.start();
    return member;
  }

  #send(from: string, to: string, bytes: Uint8Array): void {
    for (const [name, { member }] of this.#running)
      if (name !== from && (to === "all" || memberName(to) === name)) setImmediate(() => member.receive(from, bytes));
  }

  /** Stops it; what it has written is there. */
  async stop(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const running = this.#running.get(name);
      this.#running.delete(name);
      running?.member.stop();
      await running?.data.store.close();
      await running?.data.journal.close();
    }
  }

  stopAll(): Promise<void> {
    return this.stop(...this.#running.keys());
  }

  /** As if it had been moved to another machine. */
  move(name: string, to: string): void {
    cpSync(this.dir(name), this.dir(to), { recursive: true });
  }

  /** Resolves when all of them are acknowledged. */
  async append(...texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      let isAnswered = false;
      let isAsked = false;
      await until(() => {
        const leader = [...this.#running.values()].find(({ member }) => member.status.role === "leader");
        if (isAsked || leader === undefined) return isAnswered;
        isAsked = true;
        const command = { kind: "idempotent", session: 0, seq: 0, lowest: 0, payload: Buffer.from(text) } as const;
        leader.member.submitCommands([command], ([outcome]) => {
          isAnswered = outcome?.kind === "result";
          isAsked = isAnswered;
        });
        return false;
      }, `${text} is acknowledged`);
    }
  }

  /** Texts in the state of a station that runs, once it has applied as much as anybody. */
  async texts(name: string): Promise<readonly string[]> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`${name} does not run`);
    const applied = (): number => Math.max(...[...this.#running.values()].map(({ member }) => member.status.chosen));
    const { member } = running;
    const isUp = (): boolean => member.status.role !== "learner" && member.status.applied >= applied();
    await until(isUp, `${name} has applied all`);
    return running.data.store.range({ from: "a", to: "{" }).map(([key]) => key);
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + UNTIL_MS; !condition(); await turn())
    if (Date.now() > deadline) throw new Error(`not within ${UNTIL_MS} ms: ${what}`);
}
