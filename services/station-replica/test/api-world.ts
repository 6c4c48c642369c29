import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import { decodeStateResult, encodeStateCommand, Post, type StateCommand, type StateResult } from "@halon/proto";
import type { Store } from "@halon/runtime";
import type { Instance, ProcessPorts, SimulatedProcess } from "@halon/simulation";
import { World } from "@halon/simulation";
import { type Handlers, openHandlers } from "../src/api/index.ts";
import { foundingIdentity } from "../src/identity.ts";
import { createStation, type Station } from "../src/service.ts";

/** A station with the handlers of its API, as its process has them. */
class ApiStation implements Instance {
  readonly station: Station;
  readonly store: Store;
  readonly handlers: Handlers;
  /** As the health answer has it. */
  readonly tracker: { readonly status: Readonly<Record<string, unknown>> };
  readonly #stop: () => void;

  constructor(member: string, members: readonly string[], { clock, random, transport, ...ports }: ProcessPorts) {
    const post = new Post(transport, random, { cluster: "c", sender: `${member}.station-replica` });
    const identity = foundingIdentity({ cluster: "c", clusterId: "id" }, member, members);
    const journal = ports.openJournal("log", member);
    this.store = ports.openStore("state", member);
    this.station = createStation(identity, { clock, random, post, journal, store: this.store });
    const access = { clock, random, post, store: this.store, station: this.station };
    const { handlers, tracker, stop } = openHandlers(member, access);
    this.handlers = handlers;
    this.tracker = tracker;
    this.#stop = stop;
  }

  stop(): void {
    this.#stop();
    this.station.stop();
  }
}

/** Stations in virtual time, and somebody who gives commands to their state as a coordinator would. */
export class ApiWorld {
  readonly world = new World({ seed: 1, replay: "npx vitest run --project unit services/station-replica" });
  readonly stations: readonly SimulatedProcess<ApiStation>[];
  readonly #command: (command: StateCommand, done: (result: StateResult) => void) => void;

  constructor(members: readonly string[]) {
    this.stations = members.map((member) =>
      this.world.spawn(member, "station-replica", (ports) => new ApiStation(member, members, ports)),
    );
    const coordinator = this.world.spawn("somewhere", "coordinator", ({ clock, random, transport }) => {
      const post = new Post(transport, random, { cluster: "c", sender: "somewhere.coordinator" });
      const tracker = new EqTracker({ clock, random, post });
      const replicator = createStationReplicator({ clock, random, post, tracker });
      return { replicator, stop: () => replicator.stop() };
    });
    this.#command = (command, done) =>
      coordinator.instance?.replicator.update(encodeStateCommand(command), { idempotent: true }, (outcome) => {
        if (outcome.kind === "result") done(decodeStateResult(outcome.result));
      });
    this.world.until(
      () => this.stations.every(({ instance }) => instance?.station.leader !== undefined),
      10_000,
      "a leader",
    );
  }

  station(index: number): ApiStation {
    const instance = this.stations[index]?.instance;
    if (instance === undefined) throw new Error(`station ${index} is down`);
    return instance;
  }

  /** Commands the state. */
  command(command: StateCommand): Promise<StateResult> {
    return this.await(new Promise((resolve) => this.#command(command, resolve)), 10_000);
  }

  /** Lets time pass until the promise is settled. */
  async await<T>(promise: Promise<T>, withinMs: number): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    const untilMs = this.world.nowMs + withinMs;
    do await new Promise(setImmediate);
    while (!isSettled && this.world.step(untilMs));
    if (!isSettled) throw new Error(`not settled within ${withinMs} virtual ms`);
    return promise;
  }
}
