import type { MemberId, Membership } from "@halon/consensus";
import { INSTALLING_KEY, readState } from "@halon/replicated-log";
import {
  type Clock,
  Driver,
  type DriverOutput,
  type Random,
  type Store,
  type StoreChange,
  StoreError,
} from "@halon/runtime";
import type { SnapshotReply, SnapshotRequest } from "./frame.ts";
import { decodeProgress } from "./frame-codec.ts";
import {
  SnapshotPuller,
  type SnapshotPullerCounters,
  type SnapshotPullerInput,
  type SnapshotPullerOutput,
} from "./snapshot-puller.ts";
import { AHEAD_MAX } from "./snapshot-range.ts";

/** Replies that may wait; a further one is dropped, and asked for again. */
const INPUTS_MAX = 2 * (AHEAD_MAX + 1);

export interface InstallationPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly request: (to: MemberId, request: SnapshotRequest) => void;
  /** As of the {@link SnapshotPuller}. */
  readonly rangeBytesMax?: number;
  readonly onDistrusted: (peer: MemberId) => void;
  /** The store holds the state as of decree `number`, durably; `membership` decides on the next one. */
  readonly onInstalled: (number: number, membership: Membership) => void;
}

export interface InstallationStatus extends SnapshotPullerCounters {
  readonly peer: MemberId;
  /** Of the snapshot that is being taken over. */
  readonly decree: number;
  /** All keys below this one are done. */
  readonly next: string;
}

/** Replaces the state in the store by that of a peer: binds {@link SnapshotPuller} to store, clock and network. */
export class Installation {
  readonly #ports: InstallationPorts;
  readonly #puller: SnapshotPuller;
  readonly #driver: Driver<SnapshotPullerInput, Exclude<SnapshotPullerOutput, DriverOutput>>;
  #isUnderWay = false;
  /** All is written, and waits for the disk. */
  #isFinishing = false;

  constructor(ports: InstallationPorts) {
    const { clock, random } = ports;
    this.#ports = ports;
    this.#puller = new SnapshotPuller(ports.store, ports.rangeBytesMax);
    this.#driver = new Driver({
      core: this.#puller,
      clock,
      random,
      perform: (output) => this.#perform(output),
      inputsMax: INPUTS_MAX,
    });
  }

  /** From the call of {@link begin} until `onInstalled`. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  get status(): InstallationStatus {
    const { peer, decree, next } = this.#puller.progress;
    return { peer, decree, next, ...this.#puller.counters };
  }

  /** Goes on where an earlier life was. Begun already, it only gets more peers to ask; all but done, nothing. */
  begin(peers: readonly MemberId[], atLeast: number): void {
    if (this.#isFinishing) return;
    const noted = this.#ports.store.get(INSTALLING_KEY);
    this.#isUnderWay = true;
    this.#driver.complete({ kind: "begin", peers, atLeast, ...(noted && { progress: decodeProgress(noted) }) });
  }

  reply(from: MemberId, reply: SnapshotReply): void {
    if (this.#isUnderWay) this.#driver.submit({ kind: "reply", from, reply });
  }

  stop(): void {
    this.#isUnderWay = false;
    this.#driver.stop();
  }

  #perform(output: Exclude<SnapshotPullerOutput, DriverOutput>): void {
    switch (output.kind) {
      case "request":
        return this.#ports.request(output.to, output.request);
      case "write":
        return this.#write(output.changes, () => this.#driver.complete({ kind: "written" }));
      case "finished":
        return this.#finish();
      case "distrusted":
        return this.#ports.onDistrusted(output.peer);
      default:
        output satisfies never;
    }
  }

  /** What the disk has no room for yet waits for it. */
  #write(changes: readonly StoreChange[], done: () => void): void {
    const { store } = this.#ports;
    try {
      store.write(changes);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "busy") throw error;
      store.flush(() => this.#isUnderWay && this.#write(changes, done));
      return;
    }
    done();
  }

  #finish(): void {
    const { store } = this.#ports;
    this.#isFinishing = true;
    this.#write([{ kind: "delete", key: INSTALLING_KEY }], () =>
      store.flush(() => {
        this.#isFinishing = false;
        const { applied, membership } = readState(store);
        if (!this.#isUnderWay || membership === undefined) return;
        this.#isUnderWay = false;
        this.#ports.onInstalled(applied, membership.membership);
      }),
    );
  }
}
