import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer } from "@halon/event-queue";
import { encodeEventPayload, isName, type Post, type Posted, type Subjects, subjectsOf } from "@halon/proto";
import type { LogReplicator } from "@halon/replicator";
import {
  type Cancel,
  type Clock,
  Driver,
  type DriverOutput,
  type Random,
  type Subscription,
  type Transport,
} from "@halon/runtime";
import { MonitorCore, type MonitorCoreConfig, PROBE_MS } from "./core/monitor-core.ts";
import type { MonitorInput, MonitorOutput } from "./core/monitor-io.ts";
import { WatchList } from "./watch-list.ts";

export interface MonitorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** What `post` sends over: tells of lost connections. */
  readonly transport: Pick<Transport, "connected" | "onConnection">;
  /** Something worth a line in the log of the service. */
  readonly onNotice?: (notice: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface Monitor {
  readonly status: () => { readonly healthy: boolean; readonly [detail: string]: unknown };
  stop(): void;
}

export const ANNOUNCE_MS = 1_000;
/** Probes of fellow monitors whose answers are not worked out yet: one input's time each. */
const PROBE_ANSWERS_MAX = 4_096;

type Perform = Exclude<MonitorOutput, DriverOutput>;

/** One monitor. A function of its ports: the process and the simulator run the same. */
export const createMonitor = (config: MonitorCoreConfig, ports: MonitorPorts): Monitor =>
  new BoundMonitor(config, ports);

/** A {@link MonitorCore} bound to the bus and, by a producer, to the queue. */
class BoundMonitor implements Monitor {
  readonly #self: string;
  readonly #ports: MonitorPorts;
  readonly #subjects: Subjects;
  readonly #tracker: EqTracker;
  readonly #replicator: LogReplicator;
  readonly #producer: Producer;
  readonly #watchList: WatchList;
  readonly #core: MonitorCore;
  readonly #driver: Driver<MonitorInput, Perform>;
  readonly #subscriptions: readonly Subscription[];
  /** Probes of fellow monitors, by token. */
  readonly #probes = new Map<number, (heard: boolean, silentMs: number) => void>();
  #token = 0;
  #malformed = 0;
  #cancelAnnounce: Cancel = () => undefined;

  constructor(config: MonitorCoreConfig, ports: MonitorPorts) {
    this.#self = config.node;
    this.#ports = ports;
    const { clock, random, post, transport } = ports;
    this.#subjects = subjectsOf(post.cluster);
    const tracker = new EqTracker({ clock, random, post });
    this.#tracker = tracker;
    this.#replicator = createStationReplicator({ clock, random, post, tracker });
    const replicator = this.#replicator;
    this.#producer = new Producer(`${this.#self}.monitor`, { clock, random, post, replicator, tracker });
    this.#watchList = new WatchList(this.#self, { clock, post, random, tracker, replicator });
    this.#core = new MonitorCore(config);
    const perform = (output: Perform): void => this.#perform(output);
    this.#driver = new Driver({ core: this.#core, clock, random, perform });
    this.#subscriptions = this.#subscribe();
    transport.onConnection((isConnected) => this.#driver.complete({ kind: "connection", isConnected }));
    tracker.onChange(({ monitors: names }) => this.#driver.complete({ kind: "monitors", names }));
    this.#driver.complete({ kind: "start", isConnected: transport.connected });
    this.#announce();
  }

  status(): { readonly healthy: boolean; readonly [detail: string]: unknown } {
    const { isDeaf, ...rest } = this.#core.status;
    const edge = {
      ...this.#ports.post.counters,
      malformed: this.#malformed,
      refused: this.#driver.refused,
      unreadableNodes: this.#watchList.unreadable,
    };
    return {
      healthy: isDeaf !== true,
      ...rest,
      reporting: this.#producer.waiting,
      tracker: this.#tracker.status,
      edge,
    };
  }

  stop(): void {
    this.#cancelAnnounce();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#driver.stop();
    this.#producer.stop();
    this.#replicator.stop();
    this.#tracker.stop();
  }

  #subscribe(): readonly Subscription[] {
    const { post } = this.#ports;
    const subjects = this.#subjects;
    return [
      post.subscribe(subjects.heartbeat(this.#self), "heartbeat", ({ value: { node, session, seq } }) => {
        if (isName(node) && session > 0) this.#driver.submit({ kind: "heartbeat", node, session, seq });
        else this.#malformed++;
      }),
      post.subscribe(subjects.loopback(this.#self), "heartbeat", ({ value, header }) => {
        // Another life of this monitor proves nothing about this one.
        if (header.incarnation === post.incarnation) this.#driver.complete({ kind: "loopback", seq: value.seq });
      }),
      post.subscribe(subjects.probe(this.#self), "probe", (posted) => this.#onProbe(posted)),
    ];
  }

  #onProbe({ value: { node, session }, respond }: Posted<"probe">): void {
    if (respond === undefined || this.#probes.size >= PROBE_ANSWERS_MAX) return;
    const token = ++this.#token;
    if (!this.#driver.submit({ kind: "probe", token, node, session })) return;
    this.#probes.set(token, (heard, silentMs) =>
      respond({ kind: "probeReply", value: { monitor: this.#self, heard, silentMs } }),
    );
  }

  #perform(output: Perform): void {
    const { post } = this.#ports;
    const subjects = this.#subjects;
    const monitor = this.#self;
    switch (output.kind) {
      case "acknowledge": {
        const { node, session, seq } = output;
        return post.publish(subjects.acks(node), { kind: "heartbeatAck", value: { monitor, session, seq } });
      }
      case "loopback": {
        const value = { node: monitor, agentIncarnation: post.incarnation, session: 0, seq: output.seq };
        return post.publish(subjects.loopback(monitor), { kind: "heartbeat", value });
      }
      case "list":
        return this.#watchList.read((listing) => this.#driver.complete({ kind: "listed", listing }));
      case "probe":
        return this.#probe(output);
      case "probeReply": {
        const answer = this.#probes.get(output.token);
        this.#probes.delete(output.token);
        return answer?.(output.heard, output.silentMs);
      }
      case "accuse":
        return this.#accuse(output);
      case "sayUp":
        return this.#sayUp();
      default:
        return output satisfies never;
    }
  }

  #probe({ monitor, node, session, suspicion }: Perform & { kind: "probe" }): void {
    const body = { kind: "probe", value: { node, session } } as const;
    this.#ports.post.request(this.#subjects.probe(monitor), body, "probeReply", PROBE_MS, (outcome) => {
      const isHeard = outcome.kind === "reply" && outcome.value.heard;
      const silentMs = isHeard ? outcome.value.silentMs : undefined;
      this.#driver.complete({ kind: "probed", node, suspicion, silentMs });
    });
  }

  #accuse({ node, session, silentMs }: Perform & { kind: "accuse" }): void {
    const { onNotice } = this.#ports;
    const value = { node, session, accusations: [{ monitor: this.#self, silentMs }] };
    const payload = encodeEventPayload({ kind: "nodeUnreachable", value });
    onNotice?.("accuses", { target: node, session, silentMs });
    this.#producer.promulgate("node-unreachable", payload, { mergeKey: `${node}/${session}` }, (outcome) => {
      if (outcome.kind !== "stored") onNotice?.("accusation not stored", { target: node, session, outcome });
      this.#driver.complete({ kind: "reported", node, session });
    });
  }

  #sayUp(): void {
    const payload = encodeEventPayload({ kind: "monitorUp", value: { monitor: this.#self } });
    this.#producer.promulgate("monitor-up", payload, {}, (outcome) => {
      if (outcome.kind !== "stored") this.#ports.onNotice?.("start not stored", { outcome });
      this.#driver.complete({ kind: "saidUp", isStored: outcome.kind === "stored" });
    });
  }

  /** Tells the stations, and goes on doing so, that this monitor is there. */
  #announce(): void {
    const { clock, post } = this.#ports;
    const value = { role: "monitor", node: this.#self, members: [], leader: "" };
    post.publish(this.#subjects.announce("monitor"), { kind: "announce", value });
    this.#cancelAnnounce = clock.at(clock.nowMs() + ANNOUNCE_MS, () => this.#announce());
  }
}
