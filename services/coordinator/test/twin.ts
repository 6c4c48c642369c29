import { laneOf, packed } from "@halon/event-queue";
import {
  type CheckpointResult,
  decodeStateCommand,
  type EventPayload,
  encodeEventPayload,
  type LanePiece,
  type Lease,
  type NodeCommand,
  type QueuedEvent,
} from "@halon/proto";
import { graphFromStore, type Schema } from "@halon/resource-graph";
import {
  type CoordinatorConfig,
  CoordinatorCore,
  type CoordinatorInput,
  type CoordinatorOutput,
  type Loaded,
  RULES,
} from "../src/index.ts";
import { schema } from "../src/schema.ts";

/** A station, in the plainest way: what it does with grants and checkpoints is all that the coordinator relies on. */
export class Twin {
  readonly keys = new Map<string, Uint8Array>();
  readonly decisions: string[] = [];
  /** Those that wait, with their lanes. */
  events: (QueuedEvent & { readonly lane: number })[] = [];
  lease: Lease = { epoch: 0, holder: "", checkpoint: 0 };
  logTimeMs = 1_000;
  /** Of the coordinators that come. */
  schema: Schema = schema;
  #position = 0;

  grant(): number {
    this.lease = { epoch: this.lease.epoch + 1, holder: "s1", checkpoint: 0 };
    return this.lease.epoch;
  }

  enqueue(type: string, payload: EventPayload): void {
    const position = ++this.#position;
    const id = { producer: "p", incarnation: "1", seq: position };
    const event = { id, type, payload: encodeEventPayload(payload), traceparent: "", lowest: 1 };
    this.events.push({ position, logTimeMs: this.logTimeMs, event, lane: laneOf(type, 0) });
  }

  apply(command: Uint8Array): CheckpointResult {
    const decoded = decodeStateCommand(command);
    if (decoded.kind !== "checkpoint") throw new Error(`a ${decoded.kind}`);
    const { epoch, number, consumedRanges = [], changes, decisions } = decoded.value;
    const isNext = epoch === this.lease.epoch && number === this.lease.checkpoint + 1;
    if (isNext) {
      this.events = this.events.filter(
        ({ position, lane }) =>
          !consumedRanges.some(
            ({ first, last, priority }) => priority === lane && first <= position && position <= last,
          ),
      );
      for (const { key, value } of changes)
        if (value === undefined) this.keys.delete(key);
        else this.keys.set(key, value.slice());
      this.decisions.push(...decisions.map(({ text }) => text));
      this.lease = { ...this.lease, checkpoint: number };
    }
    return { applied: isNext, lease: this.lease, logTimeMs: this.logTimeMs };
  }

  pieces(lane: number, after: number): readonly LanePiece[] {
    const events = this.events.filter((each) => each.lane === lane && each.position > after);
    return events.map(({ position, logTimeMs, event }): LanePiece => {
      const { producer = "", incarnation = "", seq = 0 } = event?.id ?? {};
      const { type = "", payload = new Uint8Array() } = event ?? {};
      const rest = { lowest: 1, priority: 0, type, traceparent: "", registered: true, ...packed([payload]) };
      return { stored: { position, logTimeMs, group: { producer, incarnation, first: seq, ...rest } }, consumed: [] };
    });
  }

  under(prefix: string): readonly (readonly [string, Uint8Array])[] {
    const inside = [...this.keys].filter(([key]) => key.startsWith(`${prefix}/`));
    return inside.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key.slice(prefix.length + 1), value]);
  }

  get loaded(): Loaded {
    const { checkpoint } = this.lease;
    const parts = {
      graph: graphFromStore(this.schema, this.under("g")),
      instances: this.under("i"),
      outbox: this.under("o"),
    };
    return { checkpoint, logTimeMs: this.logTimeMs, ...parts };
  }
}

type Of<Kind extends CoordinatorOutput["kind"]> = CoordinatorOutput & { readonly kind: Kind };

/** A coordinator of one epoch on a {@link Twin}; each thing that happens is the test's doing. */
export class Reign {
  readonly core: CoordinatorCore;
  readonly epoch: number;
  readonly outputs: CoordinatorOutput[] = [];
  nowMs: number;
  readonly #twin: Twin;
  /** Asked and not answered, by lane. */
  readonly #asks = new Map<number, Of<"ask">>();
  #checkpoint: Of<"checkpoint"> | undefined;

  constructor(twin: Twin, nowMs = 0, config: Partial<CoordinatorConfig> = {}) {
    this.#twin = twin;
    this.nowMs = nowMs;
    this.epoch = twin.grant();
    this.core = new CoordinatorCore({ epoch: this.epoch, rules: RULES, ...config });
    this.step({ kind: "loaded", state: twin.loaded, random: 0.5 });
  }

  step(input: CoordinatorInput): readonly CoordinatorOutput[] {
    const outputs = this.core.step(input, this.nowMs);
    for (const output of outputs)
      if (output.kind === "checkpoint") {
        if (this.#checkpoint !== undefined) throw new Error("two checkpoints in flight");
        this.#checkpoint = output;
      } else if (output.kind === "ask") this.#asks.set(output.lane, output);
    this.outputs.push(...outputs);
    return outputs;
  }

  get inFlight(): Of<"checkpoint"> | undefined {
    return this.#checkpoint;
  }

  /** The stations decide the checkpoint in flight; `answer: false` keeps the coordinator from knowing. */
  decide(answer = true): CheckpointResult | undefined {
    const checkpoint = this.#checkpoint;
    if (checkpoint === undefined) return undefined;
    this.#twin.logTimeMs += 10;
    const result = this.#twin.apply(checkpoint.command);
    if (answer) this.tell(result);
    return result;
  }

  tell(result: CheckpointResult | undefined): void {
    this.#checkpoint = undefined;
    this.step({ kind: "decided", result, random: 0.5 });
  }

  /** Delivers what is queued and was not delivered before. */
  feed(): void {
    for (const { ask, lane, after } of [...this.#asks.values()]) {
      const pieces = this.#twin.pieces(lane, after);
      if (pieces.length === 0) continue;
      this.#asks.delete(lane);
      this.step({ kind: "lane", ask, pieces });
    }
  }

  /** Works everything off: decides, answers commands or not, lets its timers fire. */
  settle(outcome: "done" | "silence" = "done", rounds = 40): void {
    for (let round = 0; round < rounds; round++) {
      this.feed();
      const batches = this.take("batch");
      if (outcome === "done")
        for (const { batch, commands } of batches)
          this.step({ kind: "replies", batch, replies: commands.map(({ id }) => ({ id, outcome, message: "" })) });
      this.nowMs += 10;
      if (this.#checkpoint !== undefined) this.decide();
      else this.step({ kind: "timer", name: "renew", random: 0.5 });
    }
  }

  /** All outputs of a kind since the last time. */
  take<Kind extends CoordinatorOutput["kind"]>(kind: Kind): readonly Of<Kind>[] {
    const taken = this.outputs.filter((output): output is Of<Kind> => output.kind === kind);
    const rest = this.outputs.filter((output) => output.kind !== kind);
    this.outputs.splice(0, this.outputs.length, ...rest);
    return taken;
  }

  get sent(): readonly NodeCommand[] {
    return this.take("batch").flatMap(({ commands }) => commands);
  }

  get stopped(): string | undefined {
    return this.outputs.find((output): output is Of<"stop"> => output.kind === "stop")?.reason;
  }

  timerAtMs(name: string): number | undefined {
    const timers = this.outputs.filter((output): output is Of<"timer"> => output.kind === "timer");
    return timers.findLast((timer) => timer.name === name)?.atMs;
  }
}
