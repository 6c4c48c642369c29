import type { MemberId, Membership } from "@halon/consensus";
import type { Clock, Random } from "@halon/runtime";
import type { TrackedStore } from "./change-track.ts";
import type { DigestVerdict } from "./digest-watch.ts";
import type { FrameBody } from "./frame.ts";
import { Installation, type InstallationStatus } from "./installation.ts";
import { SnapshotService } from "./snapshot-service.ts";
import { StateComparison } from "./state-comparison.ts";

export interface StateExchangePorts {
  readonly self: MemberId;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: TrackedStore;
  readonly digestEvery: number | undefined;
  readonly say: (to: MemberId | "all", body: FrameBody) => void;
  /** Members that may have the state. */
  readonly peers: () => readonly MemberId[];
  /** The state here, as far as it may be used. */
  readonly state: () => { readonly digest: string | undefined; readonly membership: Membership | undefined };
  readonly onVerdict: (verdict: DigestVerdict) => void;
  readonly onDistrusted: (peer: MemberId) => void;
  readonly onInstalled: (number: number, membership: Membership) => void;
}

/** All that members have to do with each other's states: compare them, serve them, take one over. */
export class StateExchange {
  readonly #state: StateExchangePorts["state"];
  readonly #installation: Installation;
  readonly #snapshots: SnapshotService;
  readonly #comparison: StateComparison;

  constructor(ports: StateExchangePorts) {
    const { self, clock, random, store, state, say } = ports;
    this.#state = state;
    this.#installation = new Installation({
      clock,
      random,
      store,
      request: (to, request) => say(to, { kind: "snapshotRequest", request }),
      onDistrusted: ports.onDistrusted,
      onInstalled: ports.onInstalled,
    });
    this.#snapshots = new SnapshotService({
      clock,
      random,
      store,
      others: ports.peers,
      isServing: () => state().digest !== undefined,
      reply: (to, reply) => say(to, { kind: "snapshotReply", reply }),
    });
    this.#comparison = new StateComparison({
      self,
      every: ports.digestEvery,
      say: (digest) => say("all", { kind: "digest", ...digest }),
      onVerdict: ports.onVerdict,
    });
  }

  /** Requests for which there was no room. */
  get refused(): number {
    return this.#snapshots.refused;
  }

  get status(): StateExchangeStatus {
    return { installing: this.#installation.status, ...this.#snapshots.status, ...this.#comparison.status };
  }

  /** The oldest decree that a member takes over from here: it will ask for those that follow. */
  get awaited(): number | undefined {
    const { transfers } = this.#snapshots.status;
    return transfers.size === 0 ? undefined : Math.min(...transfers.values());
  }

  hear(from: MemberId, body: Exclude<FrameBody, { kind: "consensus" | "watched" }>): void {
    switch (body.kind) {
      case "digest":
        return this.#comparison.hear(from, body, this.#state().membership);
      case "snapshotRequest":
        return this.#snapshots.request(from, body.request);
      case "snapshotReply":
        return this.#installation.reply(from, body.reply);
      default:
        body satisfies never;
    }
  }

  /** This decree was applied. */
  applied(number: number): void {
    this.#comparison.applied(number, this.#state());
  }

  /** The state is to be that of a peer, of decree `atLeast` or later; `onInstalled` follows. Begun already, there are more to ask. */
  install(peers: readonly MemberId[], atLeast: number): void {
    this.#snapshots.releaseAll();
    this.#comparison.reset();
    this.#installation.begin(peers, atLeast);
  }

  stop(): void {
    this.#installation.stop();
    this.#snapshots.stop();
  }
}

export interface StateExchangeStatus {
  /** What replacing the state has come to; counters are of this life. */
  readonly installing: InstallationStatus;
  /** Members that take over a snapshot from here, and of which decree. */
  readonly transfers: ReadonlyMap<MemberId, number>;
  readonly servedBytes: number;
  /** The newest that was told to the others. */
  readonly digest: { readonly number: number; readonly digest: string } | undefined;
  /** Times that the state here was not that of a majority. */
  readonly diverged: number;
  readonly undecided: number;
}
