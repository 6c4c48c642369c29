import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import {
  decodeEventPayload,
  decodeStateResult,
  encodeStateCommand,
  type NodeUnreachable,
  type QueuedEvent,
  type StateCommand,
  type StateResult,
  subjectsOf,
} from "@halon/proto";
import type { EdgeCluster } from "./edge-cluster.ts";

export interface NodeFields {
  readonly state?: "up" | "down";
  /** Monitors of each session, by its number. */
  readonly sessions: Readonly<Record<number, readonly string[]>>;
  readonly accusations?: readonly { readonly session: number; readonly monitor: string }[];
}

/** Stands in the coordinator's place: writes nodes into the graph, and reads the queue. */
export class Scribe {
  readonly #cluster: EdgeCluster;
  readonly #station: string;
  #checkpoint = 0;
  #updates: (command: StateCommand, done: (result: StateResult) => void) => void = () => undefined;
  #events: (done: (events: readonly QueuedEvent[]) => void) => void = () => undefined;

  constructor(cluster: EdgeCluster, station: string) {
    this.#cluster = cluster;
    this.#station = station;
    cluster.start(`${station}.coordinator`, ({ clock, random, post }) => {
      const tracker = new EqTracker({ clock, random, post });
      const replicator = createStationReplicator({ clock, random, post, tracker });
      this.#updates = (command, done) =>
        replicator.update(encodeStateCommand(command), { idempotent: true }, (outcome) => {
          if (outcome.kind === "result") done(decodeStateResult(outcome.result));
        });
      this.#events = (done) => {
        const body = { kind: "events", value: { after: 0, limit: 1_024, waitMs: 0 } } as const;
        const subject = subjectsOf(post.cluster).stationQuery(this.#station);
        post.request(subject, { kind: "query", value: { minApplied: 0, body } }, "queryReply", 1_000, (outcome) =>
          done(
            outcome.kind === "reply" && outcome.value.body?.kind === "events" ? outcome.value.body.value.events : [],
          ),
        );
      };
      return {
        stop: () => {
          replicator.stop();
          tracker.stop();
        },
      };
    });
    this.#decide({ kind: "grantLease", value: { epoch: 0, checkpoint: 0, holder: station } });
  }

  /** Puts nodes into the graph, as the coordinator does. */
  write(nodes: Readonly<Record<string, NodeFields>>): void {
    const changes = Object.entries(nodes).map(([name, { state = "up", sessions, accusations = [] }]) => ({
      key: `g/v/Node/${name}`,
      value: new TextEncoder().encode(
        JSON.stringify({
          kind: "user",
          roles: [],
          state,
          agentIncarnation: "a",
          sessionLast: Math.max(0, ...Object.keys(sessions).map(Number)),
          sessions: Object.entries(sessions).map(([session, monitors]) => ({
            session: Number(session),
            monitors,
            needed: Math.floor(monitors.length / 2) + 1,
            begun: true,
          })),
          accusations,
        }),
      ),
    }));
    const number = ++this.#checkpoint;
    this.#decide({ kind: "checkpoint", value: { epoch: 1, number, consumed: [], changes, decisions: [] } });
  }

  /** All that waits in the queue. */
  events(): readonly QueuedEvent[] {
    let events: readonly QueuedEvent[] | undefined;
    this.#events((found) => {
      events = found;
    });
    this.#cluster.until("the queue is read", 2_000, () => events !== undefined);
    return events ?? [];
  }

  /** What was said of unreachable nodes, in the order of storing. */
  accusations(): readonly NodeUnreachable[] {
    return this.events().flatMap(({ event }) => {
      const payload = event?.type === "node-unreachable" ? decodeEventPayload(event.payload) : undefined;
      return payload?.kind === "nodeUnreachable" ? [payload.value] : [];
    });
  }

  /** Monitors that have said that they started, in the order of storing. */
  startedMonitors(): readonly string[] {
    return this.events().flatMap(({ event }) => {
      const payload = event?.type === "monitor-up" ? decodeEventPayload(event.payload) : undefined;
      return payload?.kind === "monitorUp" ? [payload.value.monitor] : [];
    });
  }

  /** `monitor node/session` of each accusation, without repetitions, sorted. */
  accused(): readonly string[] {
    const all = this.accusations().flatMap(({ node, session, accusations }) =>
      accusations.map(({ monitor }) => `${monitor} ${node}/${session}`),
    );
    return [...new Set(all)].sort();
  }

  #decide(command: StateCommand): void {
    let result: StateResult | undefined;
    this.#updates(command, (decided) => {
      result = decided;
    });
    this.#cluster.until(`${command.kind} is decided`, 5_000, () => result !== undefined);
    const isDone =
      (result?.kind === "lease" && result.value.granted) || (result?.kind === "checkpoint" && result.value.applied);
    if (!isDone) throw new Error(`${command.kind} was refused: ${JSON.stringify(result)}`);
  }
}
