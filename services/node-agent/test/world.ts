import {
  type CommandReply,
  decodeEventPayload,
  type EventPayload,
  type InstanceSpec,
  type NodeAction,
  Post,
  subjectsOf,
} from "@halon/proto";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { ExclusiveRight } from "../src/core/exclusive-right.ts";
import { type Agent, type AgentConfig, createAgent } from "../src/service.ts";
import type { StateStore } from "../src/state/state-store.ts";
import { SimulatedMachine } from "./simulated-machine.ts";

const NODE = "user-1";
const QUEUE_MS = 4;

/** A fixed sequence: nothing here depends on chance. */
function sequence(): Random {
  let state = 7;
  return { u32: () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) };
}

export const specOf = (instance: string, generation: number, more: Partial<InstanceSpec> = {}): InstanceSpec => ({
  instance,
  service: instance.split("/")[0] ?? "",
  generation,
  command: ["program"],
  env: {},
  exclusive: false,
  restartsMax: 3,
  restartWindowMs: 60_000,
  cwd: "",
  ...more,
});

export interface WorldOptions {
  readonly config?: Partial<AgentConfig>;
  readonly right?: () => ExclusiveRight;
}

/** One node with its agent, monitors that acknowledge, and a test in the coordinator's place; all in virtual time. */
export class World {
  readonly clock = new VirtualClock(1_000);
  readonly machine = new SimulatedMachine(this.clock);
  /** All events that were stored, in order. */
  readonly events: EventPayload[] = [];
  /** Monitors that acknowledge nothing. */
  readonly silent = new Set<string>();
  /** Between a heartbeat's arrival at the monitor and the acknowledgement's arrival here. */
  ackMs = 2;
  isQueueUp = true;
  /** Time that the disk takes. */
  diskMs = 3;
  agent: Agent | undefined;
  incarnation = "";
  readonly #random = sequence();
  readonly #bus = new MemoryBus({ clock: this.clock, random: this.#random });
  readonly #options: WorldOptions;
  readonly #coordinator: Post;
  #stored: Uint8Array | undefined;
  #command = 0;
  #lives = 0;
  #isAgentUp = false;
  readonly monitorPost: Post;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.#coordinator = new Post(this.#bus.open("rc"), this.#random, { cluster: "c", sender: "s1.coordinator" });
    this.monitorPost = new Post(this.#bus.open("monitors"), this.#random, { cluster: "c", sender: "m.monitor" });
    const subjects = subjectsOf("c");
    for (const monitor of ["m1", "m2", "m3", "m4"])
      this.monitorPost.subscribe(subjects.heartbeat(monitor), "heartbeat", ({ value: { node, session, seq } }) => {
        if (this.silent.has(monitor)) return;
        const value = { monitor, session, seq };
        const acknowledge = (): void => this.monitorPost.publish(subjects.acks(node), { kind: "heartbeatAck", value });
        this.clock.at(this.clock.nowMs() + this.ackMs, acknowledge);
      });
  }

  /** A new life of the agent on the same machine and disk. */
  start(): void {
    const life = ++this.#lives;
    const { clock } = this;
    const post = new Post(this.#bus.open(`agent-${life}`), this.#random, {
      cluster: "c",
      sender: `${NODE}.node-agent`,
    });
    this.incarnation = post.incarnation;
    this.#isAgentUp = true;
    const isUp = (): boolean => life === this.#lives && this.#isAgentUp;
    const state: StateStore = {
      load: () => this.#stored,
      save: (bytes, done) =>
        void clock.at(clock.nowMs() + this.diskMs, () => {
          if (!isUp()) return;
          this.#stored = bytes;
          done();
        }),
    };
    const promulgate = (
      _type: string,
      payload: Uint8Array,
      _options: object,
      done: (outcome: { kind: "stored" }) => void,
    ): void => {
      const attempt = (): void => {
        if (!isUp()) return;
        if (!this.isQueueUp) return void clock.at(clock.nowMs() + QUEUE_MS, attempt);
        this.events.push(decodeEventPayload(payload));
        done({ kind: "stored" });
      };
      clock.at(clock.nowMs() + QUEUE_MS, attempt);
    };
    const config: AgentConfig = {
      node: NODE,
      nodeKind: "user",
      roles: [],
      heartbeatMs: 1_000,
      own: [],
      coordinator: { kind: "none" },
      stopGraceMs: 2_000,
      ...this.#options.config,
    };
    const right = this.#options.right?.() ?? new ExclusiveRight();
    // What the world stores needs no way to the stations.
    const tracker = { status: {} };
    const ports = {
      clock,
      random: this.#random,
      post,
      producer: { promulgate },
      tracker,
      driver: this.machine.driver(),
    };
    this.agent = createAgent(config, { ...ports, state, right });
    this.run(10);
  }

  /** kill -9 of the agent alone. */
  killAgent(): void {
    this.#isAgentUp = false;
    this.agent?.stop();
    this.machine.driver();
  }

  damageState(): void {
    this.#stored = Buffer.from("{");
  }

  run(spanMs: number): void {
    this.clock.runUntil(this.clock.nowMs() + spanMs);
  }

  /** Sends a command and waits for what comes back, `undefined` for no answer within 5 s. */
  command(action: NodeAction, epoch = 1, session = 0): CommandReply | undefined {
    return this.commandLater(action, epoch, session)(5_000);
  }

  /** Sends a command; the result waits for its answer. */
  commandLater(action: NodeAction, epoch = 1, session = 0): (withinMs: number) => CommandReply | undefined {
    let reply: CommandReply | undefined;
    const value = { id: `c${++this.#command}`, node: NODE, epoch, session, action };
    const subject = subjectsOf("c").command(NODE);
    this.#coordinator.request(subject, { kind: "command", value }, "commandReply", 10_000, (outcome) => {
      if (outcome.kind === "reply") reply = outcome.value;
    });
    return (withinMs) => {
      const untilMs = this.clock.nowMs() + withinMs;
      while (reply === undefined && this.clock.step(untilMs));
      return reply;
    };
  }

  welcome(session: number, instances: readonly InstanceSpec[] = [], monitors: readonly string[] = ["m1", "m2", "m3"]) {
    return this.command(this.welcomeAction(session, instances, monitors));
  }

  welcomeAction(
    session: number,
    instances: readonly InstanceSpec[] = [],
    monitors: readonly string[] = ["m1", "m2", "m3"],
  ): NodeAction {
    const needed = monitors.length === 0 ? 0 : Math.floor(monitors.length / 2) + 1;
    return { kind: "welcome", value: { agentIncarnation: this.incarnation, session, monitors, needed, instances } };
  }

  startInstance(spec: InstanceSpec, epoch = 1, session = 0): CommandReply | undefined {
    return this.command({ kind: "start", value: { spec } }, epoch, session);
  }

  stopInstance(instance: string, generation: number, epoch = 1): CommandReply | undefined {
    return this.command({ kind: "stop", value: { instance, generation } }, epoch);
  }

  activate(epoch: number): string {
    let said = "no answer";
    const value = { epoch, node: NODE };
    const subject = subjectsOf("c").activate(NODE);
    this.#coordinator.request(subject, { kind: "activate", value }, "activateReply", 1_000, (outcome) => {
      if (outcome.kind === "reply") said = outcome.value.outcome;
    });
    this.run(200);
    return said;
  }

  /** A coordinator that waits on the node. */
  openResident(answer: (epoch: number) => string): void {
    this.#coordinator.subscribe(subjectsOf("c").residentCoordinator(NODE), "activate", ({ value, respond }) =>
      respond?.({ kind: "activateReply", value: { outcome: answer(value.epoch), message: "" } }),
    );
  }

  /** What was told of an instance: `state generation restarts`. */
  told(instance: string): readonly string[] {
    return this.events.flatMap((event) =>
      event.kind === "instanceChanged" && event.value.state?.instance === instance
        ? [`${event.value.state.state} g${event.value.state.generation} r${event.value.state.restarts}`]
        : [],
    );
  }

  /** Sessions of the `session-begun` events. */
  get begun(): readonly number[] {
    return this.events.flatMap((event) => (event.kind === "sessionBegun" ? [event.value.session] : []));
  }

  /** Sessions of the `node-up` events. */
  get asked(): readonly number[] {
    return this.events.flatMap((event) => (event.kind === "nodeUp" ? [event.value.session] : []));
  }
}
