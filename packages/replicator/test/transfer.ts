import { createMembership, type MemberId } from "@halon/consensus";
import { Applier, type Command, type StateMachine } from "@halon/replicated-log";
import { type Store, type StoreEntry, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { TrackedStore } from "../src/change-track.ts";
import type { FrameBody } from "../src/frame.ts";
import { decodeFrame, encodeFrame } from "../src/frame-codec.ts";
import { Installation } from "../src/installation.ts";
import { SnapshotService } from "../src/snapshot-service.ts";

/** Small, so that a small state has many ranges, and values that come in parts. */
const RANGE_BYTES = 512;
const STORE_FLUSH_MS = 3;

/** Commands are `put KEY LENGTH FILL` and `delete KEY`. */
export const fillMachine: StateMachine = {
  apply(payload, state) {
    const [verb, key = "", length, fill] = new TextDecoder().decode(payload).split(" ");
    if (verb === "put") state.put(key, new Uint8Array(Number(length)).fill(Number(fill)));
    else state.delete(key);
    return new Uint8Array(0);
  },
  query: () => new Uint8Array(0),
};

export const command = (text: string): Command => ({
  kind: "idempotent",
  session: 0,
  seq: 0,
  lowest: 0,
  payload: new TextEncoder().encode(text),
});

/** Chance for a test, from a seed. */
export function randomOf(seed: number): { u32(): number } {
  let state = seed >>> 0 || 1;
  return {
    u32() {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      return state;
    },
  };
}

export const contentOf = (store: Pick<Store, "range">): readonly StoreEntry[] => store.range({ from: "", to: "\x7f" });

export const textOf = (entries: readonly StoreEntry[]): string =>
  entries.map(([key, value]) => `${key}=${Buffer.from(value).toString("base64")}`).join("\n");

/** Between server and puller; every frame passes the codec. */
export class Link {
  readonly clock = new VirtualClock();
  readonly random: { u32(): number };
  /** Delays of the copies of a message that arrive; none is a loss. */
  faults: () => readonly number[] = () => [1];
  frames = 0;
  bytes = 0;
  readonly #hearers = new Map<MemberId, (from: MemberId, body: FrameBody) => void>();

  constructor(seed = 1) {
    this.random = randomOf(seed);
  }

  attach(name: MemberId, hear: (from: MemberId, body: FrameBody) => void): void {
    this.#hearers.set(name, hear);
  }

  say(from: MemberId, to: MemberId, body: FrameBody): void {
    const bytes = encodeFrame({ from, body });
    this.frames++;
    this.bytes += bytes.byteLength;
    for (const delayMs of this.faults())
      this.clock.at(this.clock.nowMs() + delayMs, () => {
        const frame = decodeFrame(bytes.slice());
        this.#hearers.get(to)?.(frame.from, frame.body);
      });
  }

  until(condition: () => boolean, patienceMs = 600_000): void {
    const end = this.clock.nowMs() + patienceMs;
    while (!condition()) {
      if (this.clock.nowMs() > end || !this.clock.step()) throw new Error("it does not come to that");
    }
  }
}

/** A peer with a state that goes on. */
export class Peer {
  readonly name: MemberId;
  readonly #link: Link;
  readonly #disk = new MemoryStoreDisk();
  store: TrackedStore;
  applier: Applier;
  service: SnapshotService;
  /** What the state was after each decree. */
  readonly history = new Map<number, string>();

  constructor(name: MemberId, link: Link) {
    this.name = name;
    this.#link = link;
    this.store = this.#open();
    this.applier = new Applier(this.store, fillMachine);
    this.service = this.#serve();
  }

  #open(): TrackedStore {
    const { clock } = this.#link;
    const store = openStoreMemory({ disk: this.#disk, clock, flushMs: STORE_FLUSH_MS, identity: this.name });
    return new TrackedStore(store);
  }

  #serve(): SnapshotService {
    const { clock, random } = this.#link;
    const service = new SnapshotService({
      clock,
      random,
      store: this.store,
      others: () => [],
      isServing: () => true,
      rangeBytesMax: RANGE_BYTES,
      reply: (to, reply) => this.#link.say(this.name, to, { kind: "snapshotReply", reply }),
    });
    this.#link.attach(this.name, (from, body) => {
      if (body.kind === "snapshotRequest") service.request(from, body.request);
    });
    return service;
  }

  apply(...commands: readonly string[]): void {
    const number = this.applier.applied + 1;
    const inForce = createMembership(["a", "b", "c"]);
    this.applier.apply(number, { elapsedMs: 1, commands: commands.map(command), ...(number === 1 && { inForce }) });
    this.history.set(number, textOf(contentOf(this.store)));
  }

  restart(keepBatches: number): void {
    this.service.stop();
    this.#disk.crash(keepBatches);
    this.store = this.#open();
    this.applier = new Applier(this.store, fillMachine);
    this.service = this.#serve();
  }
}

/** A member that takes over the state of peers. */
export class Puller {
  readonly #link: Link;
  readonly #disk = new MemoryStoreDisk();
  store: Store;
  installation: Installation;
  installed: number | undefined;
  readonly distrusted: MemberId[] = [];

  constructor(link: Link) {
    this.#link = link;
    this.store = this.#open();
    this.installation = this.#install();
  }

  #open(): Store {
    return openStoreMemory({ disk: this.#disk, clock: this.#link.clock, flushMs: STORE_FLUSH_MS, identity: "p" });
  }

  #install(): Installation {
    const { clock, random } = this.#link;
    const installation = new Installation({
      clock,
      random,
      store: this.store,
      rangeBytesMax: RANGE_BYTES,
      request: (to, request) => this.#link.say("p", to, { kind: "snapshotRequest", request }),
      onDistrusted: (peer) => this.distrusted.push(peer),
      onInstalled: (number) => {
        this.installed = number;
      },
    });
    this.#link.attach("p", (from, body) => {
      if (body.kind === "snapshotReply") installation.reply(from, body.reply);
    });
    return installation;
  }

  restart(keepBatches: number): void {
    this.installation.stop();
    this.#disk.crash(keepBatches);
    this.store = this.#open();
    this.installation = this.#install();
  }
}
