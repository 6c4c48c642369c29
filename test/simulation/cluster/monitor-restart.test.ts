import type { Monitor } from "@halon/monitor";
import { type SimulatedProcess, World } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { Cluster } from "./cluster.ts";
import { CLUSTER_DEFAULTS } from "./cluster-model.ts";

const SINGLE = "single/0";
/** Enough for a suspicion, the fellows' answers, and the way into the queue. */
const ACCUSE_MS = 5_000;
/** More than anything that a monitor which has just started might wait for. */
const SETTLE_MS = 6_000;

interface StoredNode {
  readonly state: string;
  readonly sessionLast: number;
  readonly sessions: readonly { readonly session: number; readonly monitors: readonly string[] }[];
}

/** A cluster in which all runs that is wanted, its exclusive instance on a node that three satellites watch. */
class Scene {
  readonly world: World;
  readonly cluster: Cluster;
  readonly node: string;
  readonly monitors: readonly string[];

  constructor(seed: number) {
    this.world = new World({ seed, replay: `test/simulation/cluster/monitor-restart.test.ts, seed ${seed}` });
    this.cluster = new Cluster(this.world, { ...CLUSTER_DEFAULTS, satellites: 3 });
    this.cluster.isSubmitting = false;
    this.world.until(() => this.cluster.runs.count().size === 6, 30_000, "all services run");
    this.world.runFor(SETTLE_MS);
    this.node = this.cluster.runs.of(SINGLE)[0]?.machine ?? "";
    this.monitors = this.stored.sessions.at(-1)?.monitors ?? [];
    expect(this.monitors).toHaveLength(3);
  }

  /** The node as the leading station has it. */
  get stored(): StoredNode {
    const bytes = this.cluster.leader?.instance?.store.get(`g/v/Node/${this.node}`);
    return JSON.parse(new TextDecoder().decode(bytes)) as StoredNode;
  }

  restart(node: string): void {
    this.#monitor(node)?.restart();
  }

  /** As soon as the monitor has something to report it can reach no station, and nobody passes it on. */
  holdReports(node: string): () => void {
    const isReporting = (): boolean =>
      Number((this.#monitor(node)?.instance as Monitor | undefined)?.status()["reporting"]) > 0;
    this.world.until(isReporting, 5_000, `${node}'s monitor reports`);
    const transponders = this.cluster.services.filter(({ name }) => name === "transponder");
    for (const process of transponders) process.kill();
    const ends = this.cluster.stationNames.map((station) => this.world.network.cut(node, station));
    return () => {
      for (const end of ends) end();
      for (const process of transponders) process.start();
    };
  }

  #monitor(node: string): SimulatedProcess | undefined {
    return this.cluster.services.find(({ id }) => id === `${node}/monitor`);
  }

  /** No coordinator acts until that is called. */
  holdCoordinator(): () => void {
    const supervisors = this.cluster.services.filter(({ name }) => name === "recovery-supervisor");
    for (const process of [...supervisors, ...this.cluster.coordinators]) process.kill();
    return () => {
      for (const process of supervisors) process.start();
    };
  }

  /** `monitor` hears the node no more, nor from its fellows that it lives. */
  deafen(monitor: string): () => void {
    const fellows = this.monitors.filter((other) => other !== monitor);
    const ends = [this.world.network.cut(this.node, monitor), this.world.network.partition([monitor], fellows)];
    return () => {
      for (const end of ends) end();
    };
  }
}

describe("monitors that restart", { timeout: 60_000 }, () => {
  it.each([1, 2, 3])("G4: a forgotten accusation starts no exclusive instance twice (seed %i)", (seed) => {
    const scene = new Scene(seed);
    const { world, cluster } = scene;
    const [a = "", b = ""] = scene.monitors;
    const release = scene.holdCoordinator();
    const hear = scene.deafen(a);
    world.runFor(ACCUSE_MS);
    hear();
    scene.restart(a);
    world.runFor(SETTLE_MS);
    const hearAgain = scene.deafen(b);
    world.runFor(ACCUSE_MS);
    // The forgotten accusation and the new one are both in the queue.
    release();
    world.runFor(15_000);
    hearAgain();
    world.until(() => cluster.runs.of(SINGLE).length === 1, 30_000, "the exclusive instance runs again");
  });

  it("G4: nor when what it says of its start comes behind the next accusation", () => {
    const scene = new Scene(5);
    const { world, cluster } = scene;
    const [a = "", b = ""] = scene.monitors;
    const release = scene.holdCoordinator();
    const hear = scene.deafen(a);
    world.runFor(ACCUSE_MS);
    hear();
    scene.restart(a);
    const pass = scene.holdReports(a);
    world.runFor(1_000);
    const hearAgain = scene.deafen(b);
    world.runFor(ACCUSE_MS);
    release();
    world.runFor(10_000);
    pass();
    hearAgain();
    world.until(() => cluster.runs.of(SINGLE).length === 1, 30_000, "the exclusive instance runs again");
  });

  it("two of three at the same time: the node keeps what it runs", () => {
    const scene = new Scene(4);
    const { world, cluster } = scene;
    const { started } = cluster.runs;
    const { sessionLast } = scene.stored;
    for (const monitor of scene.monitors.slice(0, 2)) scene.restart(monitor);
    world.runFor(20_000);
    expect(cluster.runs.of(SINGLE).map(({ machine }) => machine)).toEqual([scene.node]);
    expect(cluster.runs.started).toBe(started);
    expect(scene.stored).toMatchObject({ state: "up" });
    expect(scene.stored.sessionLast).toBeGreaterThan(sessionLast);
    expect(scene.stored.sessions).toHaveLength(1);
  });
});
