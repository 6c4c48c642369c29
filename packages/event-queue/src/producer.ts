import type { EqTracker } from "@halon/eq-tracker";
import {
  decodeStateResult,
  type Event,
  type EventGroup,
  encodeStateCommand,
  type Post,
  ProtoError,
  type StateResult,
  subjectsOf,
} from "@halon/proto";
import type { Replicator } from "@halon/replicator";
import { type Clock, Driver, type DriverOutput, fraction, type Random } from "@halon/runtime";
import type { EventOutcome, PromulgateOutcome } from "./outcomes.ts";
import { laneOfPriority, type Priority } from "./priority.ts";
import { ProducerCore, type ProducerInput, type ProducerOutput } from "./producer-core.ts";

export interface ProducerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** The way to the stations. */
  readonly replicator: Replicator;
  /** Tells of transponders; left out by who always goes straight to the stations. */
  readonly tracker?: EqTracker;
}

export interface PromulgateOptions {
  /** Events with the same key are about the same thing, and may be merged on their way. */
  readonly mergeKey?: string;
  /** Left out: what goes with the type. Order holds within a priority. */
  readonly priority?: Priority;
  /** When too much waits here: end as `full`, or wait in line for room. `refuse` unless given. */
  readonly whenFull?: "refuse" | "wait";
}

/**
 * Much longer than a transponder gathers and a station decides, and short: a transponder that hangs must not cost a
 * recovery its five seconds. One that is merely late makes a duplicate, which the queue knows as such.
 */
const REPORT_TIMEOUT_MS = 1_000;

/** Submits events; see {@link ProducerCore} for what it promises. */
export class Producer {
  readonly #ports: ProducerPorts;
  readonly #core: ProducerCore;
  readonly #driver: Driver<ProducerInput, Exclude<ProducerOutput, DriverOutput>>;
  readonly #done = new Map<number, (outcome: PromulgateOutcome) => void>();
  #token = 0;

  /** `name`: of the process, unique in the cluster. */
  constructor(name: string, ports: ProducerPorts) {
    this.#ports = ports;
    const { clock, random, post, tracker } = ports;
    this.#core = new ProducerCore({ producer: name, incarnation: post.incarnation });
    this.#driver = new Driver({ core: this.#core, clock, random, perform: (output) => this.#perform(output) });
    this.#driver.complete({ kind: "timer", name: "begin", random: fraction(random) });
    tracker?.onChange(({ transponders }) => this.#driver.complete({ kind: "transponders", names: transponders }));
  }

  /** Events without an answer. */
  get waiting(): number {
    return this.#core.waiting;
  }

  /** For people and their tools. */
  get status(): Readonly<Record<string, unknown>> {
    return this.#core.status;
  }

  /** `done` once the event is durable, or never will be, or has no room. It is retried until then. */
  promulgate(
    type: string,
    payload: Uint8Array,
    options: PromulgateOptions,
    done: (outcome: PromulgateOutcome) => void,
  ): void {
    const token = ++this.#token;
    this.#done.set(token, done);
    const { mergeKey, whenFull } = options;
    const { clock } = this.#ports;
    const priority = options.priority === undefined ? 0 : laneOfPriority(options.priority);
    const mayWait = whenFull === "wait";
    if (!this.#driver.submit({ kind: "promulgate", token, type, payload, mergeKey, priority, mayWait }))
      clock.at(clock.nowMs(), () => this.#settle(token, { kind: "full" }));
  }

  stop(): void {
    this.#driver.stop();
    this.#done.clear();
  }

  #settle(token: number, outcome: PromulgateOutcome): void {
    const done = this.#done.get(token);
    this.#done.delete(token);
    done?.(outcome);
  }

  #perform(output: Exclude<ProducerOutput, DriverOutput>): void {
    switch (output.kind) {
      case "done":
        return this.#settle(output.token, output.outcome);
      case "register":
        return this.#register(output);
      case "enqueue":
        return this.#enqueue(output.request, output.groups);
      case "report":
        return this.#report(output.request, output.transponder, output.events);
      default:
        return output satisfies never;
    }
  }

  #answer(request: number, outcomes: readonly EventOutcome[] | undefined): void {
    this.#driver.complete({ kind: "answer", request, outcomes });
  }

  #register({ producer, incarnation }: ProducerOutput & { kind: "register" }): void {
    const command = encodeStateCommand({ kind: "registerProducer", value: { producer, incarnation } });
    this.#ports.replicator.update(command, { idempotent: true }, (outcome) => {
      const result = outcome.kind === "result" ? resultOf(outcome.result) : undefined;
      this.#driver.complete({
        kind: "registered",
        isKnown: result?.kind === "register" ? result.value.registered : undefined,
      });
    });
  }

  #enqueue(request: number, groups: readonly EventGroup[]): void {
    const payload = encodeStateCommand({ kind: "enqueue", value: { events: [], groups } });
    this.#ports.replicator.update(payload, { idempotent: true }, (outcome) => {
      if (outcome.kind === "refused")
        return this.#answer(request, [{ kind: "refused", message: outcome.message, count: Number.POSITIVE_INFINITY }]);
      this.#answer(request, outcome.kind === "result" ? enqueueOutcomes(outcome.result) : undefined);
    });
  }

  #report(request: number, transponder: string | undefined, events: readonly Event[]): void {
    const { post, tracker } = this.#ports;
    const subjects = subjectsOf(post.cluster);
    const subject = transponder === undefined ? subjects.report : subjects.transponderReport(transponder);
    post.request(subject, { kind: "report", value: { events } }, "reportAck", REPORT_TIMEOUT_MS, (outcome) => {
      if (outcome.kind !== "reply") tracker?.refresh();
      this.#answer(request, outcome.kind === "reply" ? outcome.value.outcomes : undefined);
    });
  }
}

/** What an `enqueue` command came to, in the order of its events; `undefined` when the result cannot be read. */
export function enqueueOutcomes(result: Uint8Array): readonly EventOutcome[] | undefined {
  const decoded = resultOf(result);
  return decoded?.kind === "enqueue" ? decoded.value.outcomes : undefined;
}

function resultOf(bytes: Uint8Array): StateResult | undefined {
  try {
    return decodeStateResult(bytes);
  } catch (error) {
    if (error instanceof ProtoError) return undefined;
    throw error;
  }
}
