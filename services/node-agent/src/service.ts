import type { EqTracker } from "@halon/eq-tracker";
import type { Producer } from "@halon/event-queue";
import { type ActivateReply, type Body, encodeEventPayload, type Post, subjectsOf } from "@halon/proto";
import { type Clock, Driver, type DriverOutput, type Random } from "@halon/runtime";
import { AgentCore, type AgentCoreConfig } from "./core/agent-core.ts";
import type { AgentInput, AgentOutput } from "./core/agent-io.ts";
import type { ExclusiveRight } from "./core/exclusive-right.ts";
import type { InstanceDriver } from "./instance-driver.ts";
import { decodeAgentState, encodeAgentState } from "./state/state-codec.ts";
import type { StateStore } from "./state/state-store.ts";

export interface AgentPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly producer: Pick<Producer, "promulgate">;
  /** What leads the producer; told in the status. */
  readonly tracker: Pick<EqTracker, "status">;
  readonly driver: InstanceDriver;
  readonly state: StateStore;
  /** Computes the deadlines of exclusive instances. */
  readonly right: ExclusiveRight;
  /** For the log. */
  readonly onNote?: (level: "info" | "warn", text: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** The agent's incarnation is that of its {@link Post}. */
export type AgentConfig = Omit<AgentCoreConfig, "agentIncarnation">;

export interface Agent {
  readonly status: () => AgentCore["status"] & {
    readonly inputsRefused: number;
    readonly tracker: EqTracker["status"];
  };
  /** Ends all that it runs; `done` once nothing is left. All is started again by the next agent with this state. */
  endServices(done: () => void): void;
  /** Hears and does nothing more. What it runs goes on. */
  stop(): void;
}

type Perform = Exclude<AgentOutput, DriverOutput>;

/** Time of a resident coordinator to answer. */
const RESIDENT_TIMEOUT_MS = 500;
/** Inputs from the network that may wait. */
const INPUTS_MAX = 4_096;
/** Heartbeats of each life are numbered from a random multiple of this: no life sends as many. */
const SEQ_SPAN = 2 ** 20;

/** One node's agent. A function of its ports: the process and the simulator run the same. */
export function createAgent(config: AgentConfig, ports: AgentPorts): Agent {
  const { clock, random, post, driver: processes, state, right } = ports;
  const core = new AgentCore({ ...config, agentIncarnation: post.incarnation }, right);
  const perform = (output: Perform): void => performer.perform(output);
  const driver = new Driver<AgentInput, Perform>({ core, clock, random, inputsMax: INPUTS_MAX, perform });
  const performer = new Performer(config.node, ports, (input) => driver.complete(input));
  let isStopped = false;
  const bytes = state.load();
  const stored = bytes === undefined ? undefined : decodeAgentState(bytes);
  if (bytes !== undefined && stored === undefined)
    ports.onNote?.("warn", "the stored state is damaged: nothing is adopted by it", { bytes: bytes.byteLength });
  processes.onNotice((notice) => driver.complete({ kind: "notice", notice }));
  processes.survey(stored?.processes ?? [], (survivors) => {
    if (isStopped) return;
    driver.complete({ kind: "begin", stored, survivors, seqBase: (random.u32() + 1) * SEQ_SPAN });
    performer.listen((input) => driver.submit(input));
  });
  return {
    status: () => ({ ...core.status, inputsRefused: driver.refused, tracker: ports.tracker.status }),
    endServices: (done) => {
      performer.onIdle(done);
      driver.complete({ kind: "shutdown" });
    },
    stop: () => {
      isStopped = true;
      driver.stop();
      performer.stop();
    },
  };
}

/** Does what the core says, on the ports. */
class Performer {
  readonly #node: string;
  readonly #ports: AgentPorts;
  readonly #complete: (input: AgentInput) => void;
  readonly #responds = new Map<number, (body: Body) => void>();
  #subscriptions: readonly { unsubscribe(): void }[] = [];
  #token = 0;
  #onIdle: (() => void) | undefined;

  constructor(node: string, ports: AgentPorts, complete: (input: AgentInput) => void) {
    this.#node = node;
    this.#ports = ports;
    this.#complete = complete;
  }

  /** Lets the network in. */
  listen(submit: (input: AgentInput) => boolean): void {
    const { post } = this.#ports;
    const subjects = subjectsOf(post.cluster);
    const ask = (respond: ((body: Body) => void) | undefined, inputOf: (token: number) => AgentInput): void => {
      const token = ++this.#token;
      if (respond !== undefined) this.#responds.set(token, respond);
      if (!submit(inputOf(token))) this.#responds.delete(token);
    };
    this.#subscriptions = [
      post.subscribe(subjects.acks(this.#node), "heartbeatAck", ({ value: ack }) => submit({ kind: "ack", ack })),
      post.subscribe(subjects.command(this.#node), "command", ({ value: command, respond }) =>
        ask(respond, (token) => ({ kind: "command", token, command })),
      ),
      post.subscribe(subjects.activate(this.#node), "activate", ({ value: activate, respond }) =>
        ask(respond, (token) => ({ kind: "activate", token, activate })),
      ),
    ];
  }

  onIdle(done: () => void): void {
    this.#onIdle = done;
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#responds.clear();
  }

  perform(output: Perform): void {
    const { post, driver, state, onNote } = this.#ports;
    switch (output.kind) {
      case "heartbeat": {
        const { monitor, heartbeat: value } = output;
        return post.publish(subjectsOf(post.cluster).heartbeat(monitor), { kind: "heartbeat", value });
      }
      case "submit":
        return this.#submit(output);
      case "reply":
        return this.#answer(output.token, { kind: "commandReply", value: output.reply });
      case "unanswered":
        this.#responds.delete(output.token);
        return;
      case "activated":
        return this.#answer(output.token, { kind: "activateReply", value: output.reply });
      case "activateResident":
        return this.#activateResident(output.token, output.epoch);
      case "run":
        return driver.run(output.request);
      case "adopt":
        return driver.adopt(output.run, output.survivor);
      case "end":
        return driver.end(output.key, output.run, output.graceMs);
      case "renew":
        return driver.renew(output.key, output.run, output.grant);
      case "save": {
        const { version } = output;
        return state.save(encodeAgentState(output.state), () => this.#complete({ kind: "saved", version }));
      }
      case "idle":
        this.#onIdle?.();
        this.#onIdle = undefined;
        return;
      case "note":
        return onNote?.(output.level, output.text, output.facts);
      default:
        return output satisfies never;
    }
  }

  #answer(token: number, body: Body): void {
    this.#responds.get(token)?.(body);
    this.#responds.delete(token);
  }

  #submit({ key, type, payload }: AgentOutput & { kind: "submit" }): void {
    const { producer, onNote } = this.#ports;
    producer.promulgate(type, encodeEventPayload(payload), {}, (outcome) => {
      if (outcome.kind === "refused") onNote?.("warn", `event ${type} was refused: ${outcome.message}`, { key });
      // What is not known to be stored is said again: no event of an agent does harm twice.
      this.#complete({ kind: "submitted", key, outcome: outcome.kind === "unknown" ? "full" : outcome.kind });
    });
  }

  #activateResident(token: number, epoch: number): void {
    const { post } = this.#ports;
    const subject = subjectsOf(post.cluster).residentCoordinator(this.#node);
    const body = { kind: "activate", value: { epoch, node: this.#node } } as const;
    post.request(subject, body, "activateReply", RESIDENT_TIMEOUT_MS, (outcome) => {
      const why = outcome.kind === "noResponders" ? "no coordinator waits on this node" : `resident: ${outcome.kind}`;
      const value: ActivateReply = outcome.kind === "reply" ? outcome.value : { outcome: "refused", message: why };
      this.#answer(token, { kind: "activateReply", value });
    });
  }
}
