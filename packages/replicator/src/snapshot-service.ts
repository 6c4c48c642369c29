import type { MemberId } from "@halon/consensus";
import { type Clock, Driver, type DriverOutput, type Random, type Store, StoreError } from "@halon/runtime";
import type { TrackedStore } from "./change-track.ts";
import type { SnapshotReply, SnapshotRequest } from "./frame.ts";
import {
  type PinnedView,
  SnapshotServer,
  type SnapshotServerInput,
  type SnapshotServerOutput,
} from "./snapshot-server.ts";

/** Requests that may wait; a further one is dropped, and repeated by who asked. All are answered without a break. */
const INPUTS_MAX = 4;

export interface SnapshotServicePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Pick<TrackedStore, "snapshot" | "flush" | "track" | "untrack">;
  readonly others: () => readonly MemberId[];
  /** False while the state here is not to be used. */
  readonly isServing: () => boolean;
  /** As of the {@link SnapshotServer}. */
  readonly rangeBytesMax?: number;
  readonly reply: (to: MemberId, reply: SnapshotReply) => void;
}

/** Serves the state in the store to members that lack it: binds {@link SnapshotServer} to store, clock and network. */
export class SnapshotService {
  readonly #server: SnapshotServer;
  readonly #driver: Driver<SnapshotServerInput, Exclude<SnapshotServerOutput, DriverOutput>>;

  constructor(ports: SnapshotServicePorts) {
    const { clock, random, store, isServing, reply } = ports;
    const open = (): PinnedView | string => (isServing() ? pin(store) : "the state here is not to be used at present");
    const track = { track: () => store.track(), untrack: store.untrack.bind(store) };
    this.#server = new SnapshotServer({ ...ports, ...track, open });
    this.#driver = new Driver({
      core: this.#server,
      clock,
      random,
      perform: (output) => {
        if (output.kind === "reply") reply(output.to, output.reply);
        else store.flush(() => this.#driver.complete({ ...output, kind: "flushed" }));
      },
      inputsMax: INPUTS_MAX,
    });
  }

  get status(): { readonly transfers: ReadonlyMap<MemberId, number>; readonly servedBytes: number } {
    const { transfers, servedBytes } = this.#server;
    return { transfers, servedBytes };
  }

  /** Requests dropped, because too many were waiting. */
  get refused(): number {
    return this.#driver.refused;
  }

  request(from: MemberId, request: SnapshotRequest): void {
    this.#driver.submit({ kind: "request", from, request });
  }

  releaseAll(): void {
    this.#server.releaseAll();
  }

  stop(): void {
    this.#driver.stop();
    this.#server.releaseAll();
  }
}

function pin(store: Pick<Store, "snapshot">): PinnedView | string {
  try {
    return store.snapshot();
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "busy") throw error;
    return "the store has too many snapshots open";
  }
}
