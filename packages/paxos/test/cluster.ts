import { type Ballot, compareBallots, formatBallot, type MemberId } from "@halon/consensus";
import { Cluster, type ClusterOptions, type MakeCore, textOf } from "@halon/consensus/conformance";
import { Paxos, type PaxosConfig } from "@halon/paxos";
import { decodeMessage } from "../src/codec.ts";
import { promiseIn } from "./transcript.ts";

export interface PaxosClusterOptions extends Partial<Omit<ClusterOptions, "members">> {
  readonly size: number;
  readonly seed: number;
  readonly config?: Partial<PaxosConfig>;
  /** Only what the members deliver is checked, as a stranger would. */
  readonly agreementOnly?: boolean;
}

/** Small enough that much happens in little virtual time. */
export const FAST: Partial<PaxosConfig> = {
  alpha: 3,
  heartbeatMs: 12,
  leaseMs: 50,
  electionMs: 60,
  resendMs: 10,
  announceMs: 1,
  // Older values come from the journal.
  cacheBytesMax: 100,
};

/** A ballot belongs to one candidacy of one life, and has one value per decree: else a vote for it would be for two. */
class Proposals {
  readonly #values = new Map<string, string>();
  readonly #lives = new Map<MemberId, number>();
  readonly #usedBy = new Map<string, number>();

  onFound(id: MemberId): void {
    this.#lives.set(id, (this.#lives.get(id) ?? 0) + 1);
  }

  onSent(from: MemberId, bytes: Uint8Array): void {
    const { message } = decodeMessage(bytes);
    if (message.kind !== "prepare" && message.kind !== "accept") return;
    const ballot = formatBallot(message.ballot);
    const life = this.#lives.get(from) ?? 0;
    const usedBy = this.#usedBy.get(ballot) ?? life;
    if (usedBy !== life) throw new Error(`ballot: ${ballot} is used in life ${usedBy} and in life ${life} of ${from}`);
    this.#usedBy.set(ballot, life);
    if (message.kind === "prepare") return;
    const key = `decree ${message.number} in ballot ${ballot}`;
    const text = textOf(message.value);
    const before = this.#values.get(key) ?? text;
    if (before !== text) throw new Error(`proposal: ${key} is ${JSON.stringify(text)}, was ${JSON.stringify(before)}`);
    this.#values.set(key, text);
  }
}

/**
 * What an acceptor has said binds it over all its lives: no answer of a lower ballot follows one of a higher, and no
 * journal that is found after a crash holds a lower promise than was answered.
 */
class Promises {
  readonly #answered = new Map<MemberId, Ballot>();

  onSent(from: MemberId, bytes: Uint8Array): void {
    const { message } = decodeMessage(bytes);
    if (message.kind !== "prepareOk" && message.kind !== "acceptOk") return;
    const before = this.#answered.get(from);
    if (before !== undefined && compareBallots(message.ballot, before) < 0)
      throw new Error(
        `promise: ${from} answers ${message.kind} in ${formatBallot(message.ballot)} after ${formatBallot(before)}`,
      );
    this.#answered.set(from, message.ballot);
  }

  onFound(id: MemberId, records: readonly Uint8Array[]): void {
    const answered = this.#answered.get(id);
    const found = promiseIn(records);
    if (answered !== undefined && compareBallots(found, answered) < 0)
      throw new Error(`promise: the journal of ${id} holds ${formatBallot(found)}, answered ${formatBallot(answered)}`);
  }
}

/** Members `a`, `b`, … that run Paxos, with a watch over their promises. */
export function paxosCluster(options: PaxosClusterOptions): Cluster {
  const { size, config, agreementOnly = false, make = makePaxos(config), onSent, ...rest } = options;
  const promises = new Promises();
  const proposals = new Proposals();
  return new Cluster({
    ...rest,
    members: Array.from({ length: size }, (_, at) => String.fromCharCode(97 + at)),
    make: (self, found) => {
      if (!agreementOnly) {
        promises.onFound(self, found);
        proposals.onFound(self);
      }
      return make(self, found);
    },
    onSent: (from, to, bytes) => {
      if (!agreementOnly) {
        promises.onSent(from, bytes);
        proposals.onSent(from, bytes);
      }
      onSent?.(from, to, bytes);
    },
  });
}

export const makePaxos =
  (config: Partial<PaxosConfig> = {}): MakeCore =>
  (self) =>
    new Paxos({ group: "g", self, ...FAST, ...config });
