import type { FeedAsk } from "@halon/event-queue";
import {
  type Checkpoint,
  type CheckpointResult,
  type CommandReply,
  decodeNodeCommand,
  encodeStateCommand,
  type LanePiece,
  type NodeCommand,
  STATE_COMMAND_BYTES_MAX,
} from "@halon/proto";
import { Graph, GraphError } from "@halon/resource-graph";
import { type Answer, type Counter, Engine, type Rule, type Turn } from "@halon/rules";
import { assert } from "@halon/runtime";
import { checkpointOf, ENGINE_LIMITS, emptyCheckpoint, subjectOf } from "./checkpoint.ts";
import { specsOn } from "./instances.ts";
import { Intake } from "./intake.ts";
import { type Migrated, migrated } from "./migrating.ts";
import { decodeOutboxEntry, Outbox } from "./outbox.ts";
import { Node, schema } from "./schema.ts";

export interface CoordinatorConfig {
  readonly epoch: number;
  readonly rules: readonly Rule[];
  readonly counters?: readonly Counter[];
  /** Settings that rules read by name. */
  readonly vars?: Readonly<Record<string, boolean | number | string>>;
  readonly leaseMs?: number;
  readonly renewMs?: number;
}

export const COORDINATOR_DEFAULTS = { leaseMs: 2_000, renewMs: 400 } as const;
/** Timers on log time are looked at this much after they are due, and no oftener. */
const TIMER_GRAIN_MS = 5;
/** From one checkpoint to the next when all there is to say is that events were consumed. */
const COUNT_GATHER_MS = 20;
/** Answers given to the rules that wait for room in a turn. The rest of the engine's inbox is for events. */
const ANSWERS_MAX = 2_048;

/** The replicated state as this coordinator found it, by parts; keys without their prefix. */
export interface Loaded {
  readonly checkpoint: number;
  readonly logTimeMs: number;
  readonly graph: Graph;
  readonly instances: readonly (readonly [string, Uint8Array])[];
  readonly outbox: readonly (readonly [string, Uint8Array])[];
}

export type CoordinatorInput =
  /** The state, as of the grant of this epoch or later. First, and once. */
  | { readonly kind: "loaded"; readonly state: Loaded; readonly random: number }
  /** What an `ask` came to; `undefined` when there was no answer. */
  | { readonly kind: "lane"; readonly ask: number; readonly pieces: readonly LanePiece[] | undefined }
  /** What the checkpoint came to; `undefined` when that is not known and never will be, and why. */
  | {
      readonly kind: "decided";
      readonly result: CheckpointResult | undefined;
      readonly why?: string;
      readonly random: number;
    }
  | { readonly kind: "replies"; readonly batch: number; readonly replies: readonly CommandReply[] }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type CoordinatorOutput =
  /** Have it decided, as `command`; answer with `decided`. One at a time. */
  | { readonly kind: "checkpoint"; readonly checkpoint: Checkpoint; readonly command: Uint8Array }
  /** Send each command to its node; answer with `replies`, as many as there are. */
  | { readonly kind: "batch"; readonly batch: number; readonly commands: readonly NodeCommand[] }
  /** Have a station tell what of a lane of the queue stands behind a position; answer with `lane`. */
  | ({ readonly kind: "ask" } & FeedAsk)
  /** The lease is held. */
  | { readonly kind: "acting"; readonly epoch: number }
  /** Something was decided, for people to see. */
  | { readonly kind: "notice"; readonly text: string; readonly facts: Readonly<Record<string, unknown>> }
  /** This coordinator must do nothing more. */
  | { readonly kind: "stop"; readonly reason: string }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

interface InFlight {
  readonly checkpoint: Checkpoint;
  readonly turn: Turn | undefined;
  readonly commands: readonly NodeCommand[];
}

/**
 * The one brain; sans-IO. Acts only while it holds the lease, which it counts from when it *asked* for each renewal; each
 * checkpoint renews. One is in flight, the next takes all that happened meanwhile, and any refusal ends it: whoever
 * holds the lease by then goes on from what was decided.
 */
export class CoordinatorCore {
  readonly #config: Required<CoordinatorConfig>;
  readonly #outbox = new Outbox();
  #engine: Engine | undefined;
  #intake = new Intake(undefined);
  /** As decided: what nodes are told must not be ahead of it. */
  #graph = Graph.empty(schema);
  #number = 0;
  /** To be decided before anything that the rules say. */
  #migration: Migrated["parts"] = [];
  #inFlight: InFlight | undefined;
  #askedAtMs = 0;
  /** Invariant: counted from when the newest decided checkpoint was asked for. */
  #leaseUntilMs = Number.POSITIVE_INFINITY;
  #logTimeMs = 0;
  #isActing = false;
  #isStopped = false;

  constructor(config: CoordinatorConfig) {
    this.#config = { vars: {}, counters: [], ...COORDINATOR_DEFAULTS, ...config };
  }

  get status(): Readonly<Record<string, unknown>> {
    const { epoch } = this.#config;
    const inbox = this.#engine?.inboxLength ?? 0;
    const rules = [...(this.#engine?.instances() ?? [])];
    const parked = rules.filter(({ state }) => state === "parked").map(({ rule, key }) => `${rule}/${key}`);
    const counts = { outbox: this.#outbox.size, inbox, events: this.#intake.waiting, rules: rules.length };
    const counted = this.#engine?.counts ?? {};
    return { epoch, counted, acting: this.#isActing, checkpoint: this.#number, ...counts, parked: parked.slice(0, 16) };
  }

  step(input: CoordinatorInput, nowMs: number): readonly CoordinatorOutput[] {
    if (this.#isStopped) return [];
    const out: CoordinatorOutput[] = [];
    // Before anything else: after a pause, what has waited comes in before the timer that should have ended this.
    if (nowMs >= this.#leaseUntilMs) this.#stop("the lease ran out before a renewal was decided", out);
    else this.#take(input, nowMs, out);
    if (!this.#isStopped && this.#isActing) this.#goOn(nowMs, input.kind === "timer" && input.name === "renew", out);
    return out;
  }

  #take(input: CoordinatorInput, nowMs: number, out: CoordinatorOutput[]): void {
    switch (input.kind) {
      case "loaded":
        return this.#onLoaded(input.state, input.random, nowMs, out);
      case "lane":
        return this.#intake.onAnswer(input.ask, input.pieces, nowMs);
      case "decided":
        return this.#onDecided(input, nowMs, out);
      case "replies":
        return this.#onReplies(input.batch, input.replies, nowMs, out);
      case "timer":
        return;
      default:
        input satisfies never;
    }
  }

  #onLoaded(state: Loaded, random: number, nowMs: number, out: CoordinatorOutput[]): void {
    const { rules, counters, vars, epoch } = this.#config;
    this.#number = state.checkpoint;
    this.#logTimeMs = state.logTimeMs;
    try {
      const { graph, parts } = migrated(state.graph, epoch);
      this.#graph = graph;
      this.#migration = parts;
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      return this.#stop(`the graph cannot be migrated: ${error.message}`, out);
    }
    const { logTimeMs, instances: entries } = state;
    const limits = ENGINE_LIMITS;
    this.#engine = new Engine({ rules, counters, graph: this.#graph, entries, vars, limits, logTimeMs, random });
    this.#intake = new Intake(this.#engine.resumedPosition);
    for (const [, bytes] of state.outbox) this.#outbox.add(decodeOutboxEntry(bytes), nowMs);
    // The grant is no lease. What the rebuilt rules have to say waits until this epoch is in force.
    this.#propose(undefined, nowMs, out);
  }

  #onDecided(
    { result, why, random }: CoordinatorInput & { kind: "decided" },
    nowMs: number,
    out: CoordinatorOutput[],
  ): void {
    const inFlight = this.#inFlight;
    assert(inFlight !== undefined, "a checkpoint was decided, and none was in flight");
    this.#inFlight = undefined;
    if (result === undefined || !result.applied) {
      const { epoch = 0, checkpoint = 0 } = result?.lease ?? {};
      const reason = why ?? `the lease stands at epoch ${epoch}, checkpoint ${checkpoint}`;
      return this.#stop(`checkpoint ${this.#number} was refused: ${reason}`, out);
    }
    this.#leaseUntilMs = this.#askedAtMs + this.#config.leaseMs;
    if (nowMs >= this.#leaseUntilMs) return this.#stop(`checkpoint ${this.#number} was decided too late`, out);
    this.#logTimeMs = Math.max(this.#logTimeMs, result.logTimeMs);
    out.push({ kind: "timer", name: "lease", atMs: this.#leaseUntilMs });
    if (!this.#isActing) out.push({ kind: "acting", epoch: this.#config.epoch });
    this.#isActing = true;
    this.#apply(inFlight, nowMs, out);
    this.#engine?.onTime(this.#logTimeMs, random);
  }

  /** The turn is part of the replicated state now. */
  #apply({ checkpoint, turn, commands }: InFlight, nowMs: number, out: CoordinatorOutput[]): void {
    for (const { text, rule, instance, facts } of checkpoint.decisions)
      out.push({ kind: "notice", text, facts: { rule, instance, facts } });
    if (turn === undefined) return;
    this.#graph = turn.graph;
    for (const id of turn.settled) this.#outbox.remove(id);
    for (const command of commands)
      for (const id of this.#outbox.add(command, nowMs)) this.#fail(id, `superseded by ${command.id}`);
    for (const { type, eventId, why } of turn.refused)
      out.push({ kind: "notice", text: "event refused", facts: { type, eventId, why } });
  }

  #onReplies(batch: number, replies: readonly CommandReply[], nowMs: number, out: CoordinatorOutput[]): void {
    if (replies.some(({ outcome }) => outcome === "old-epoch"))
      return this.#stop("an agent has heard of a newer epoch", out);
    this.#outbox.onReplies(batch, replies, nowMs, ({ id, outcome, message }) => {
      const payload = new TextEncoder().encode(outcome);
      const why = `${outcome}: ${message}`;
      if (outcome === "refused") out.push({ kind: "notice", text: "command refused", facts: { command: id, message } });
      return this.#answer(id, outcome === "done" ? { kind: "reply", payload } : { kind: "failed", why });
    });
  }

  /** Tells the rules. False when there is no room. */
  #answer(commandId: string, answer: Answer): boolean {
    const engine = this.#engine as Engine;
    return engine.inboxLength < ANSWERS_MAX && engine.onAnswer({ commandId, answer });
  }

  #fail(id: string, why: string): void {
    if (this.#answer(id, { kind: "failed", why })) this.#outbox.settle(id);
  }

  /** Checkpoints when there is something to say or the lease is to be renewed, and sends what is decided. */
  #goOn(nowMs: number, isRenewal: boolean, out: CoordinatorOutput[]): void {
    const { epoch, renewMs } = this.#config;
    const engine = this.#engine as Engine;
    const isUp = (node: string): boolean => this.#graph.get(Node, Node.id(node))?.state === "up";
    for (const id of this.#outbox.undeliverable(isUp)) this.#fail(id, "the node is down");
    if (this.#inFlight === undefined && this.#migration.length > 0) this.#migrate(nowMs, out);
    this.#intake.fill(engine);
    const isDue = engine.isPressing || (engine.hasWork && nowMs >= this.#askedAtMs + COUNT_GATHER_MS) || isRenewal;
    if (this.#inFlight === undefined && isDue) this.#propose(engine.take(), nowMs, out);
    if (this.#isStopped) return;
    this.#intake.fill(engine);
    for (const ask of this.#intake.asks(nowMs)) out.push({ kind: "ask", ...ask });
    out.push({ kind: "timer", name: "events", atMs: this.#intake.askAgainAtMs(nowMs) });
    const batches = this.#outbox.takeDue(nowMs, (command) => this.#finish(command, epoch));
    for (const { batch, commands } of batches) out.push({ kind: "batch", batch, commands });
    out.push({ kind: "timer", name: "resend", atMs: this.#outbox.nextDueMs });
    if (this.#inFlight !== undefined) return;
    const wantedMs = engine.nextTimerMs ?? Number.POSITIVE_INFINITY;
    const timerAtMs = nowMs + Math.max(TIMER_GRAIN_MS, wantedMs - this.#logTimeMs + TIMER_GRAIN_MS);
    const atMs = Math.min(this.#askedAtMs + (engine.hasWork ? COUNT_GATHER_MS : renewMs), timerAtMs);
    out.push({ kind: "timer", name: "renew", atMs });
  }

  #migrate(nowMs: number, out: CoordinatorOutput[]): void {
    const [part, ...rest] = this.#migration;
    if (part === undefined) return;
    this.#migration = rest;
    const checkpoint = { ...emptyCheckpoint(this.#config.epoch, ++this.#number), ...part };
    this.#send({ checkpoint, turn: undefined, commands: [] }, "the migration of the graph", nowMs, out);
  }

  /** The command as it is sent: with this epoch, and a welcome with all that shall run on the node by now. */
  #finish(command: NodeCommand, epoch: number): NodeCommand {
    const { action, node } = command;
    if (action?.kind !== "welcome") return { ...command, epoch };
    const instances = specsOn(this.#graph, Node.id(node));
    return { ...command, epoch, action: { kind: "welcome", value: { ...action.value, instances } } };
  }

  #propose(turn: Turn | undefined, nowMs: number, out: CoordinatorOutput[]): void {
    const { epoch } = this.#config;
    const commands = (turn?.commands ?? []).map(({ id, node, payload }): NodeCommand => {
      return { ...decodeNodeCommand(payload), id, node, epoch: 0 };
    });
    const number = ++this.#number;
    const checkpoint =
      turn === undefined
        ? emptyCheckpoint(epoch, number)
        : checkpointOf(epoch, number, turn, commands, this.#intake.consumed(turn.consumed));
    const about = turn === undefined ? "the claim" : `a step of ${subjectOf(turn)}`;
    this.#send({ checkpoint, turn, commands }, about, nowMs, out);
  }

  #send(next: InFlight, about: string, nowMs: number, out: CoordinatorOutput[]): void {
    const { checkpoint } = next;
    const command = encodeStateCommand({ kind: "checkpoint", value: checkpoint });
    if (command.length > STATE_COMMAND_BYTES_MAX) {
      const size = `${command.length} bytes, and ${STATE_COMMAND_BYTES_MAX} are allowed`;
      return this.#stop(`checkpoint ${checkpoint.number} has ${size}: ${about} brings about too much`, out);
    }
    this.#inFlight = next;
    this.#askedAtMs = nowMs;
    out.push({ kind: "checkpoint", checkpoint, command });
  }

  #stop(reason: string, out: CoordinatorOutput[]): void {
    this.#isStopped = true;
    this.#isActing = false;
    out.push({ kind: "stop", reason });
  }
}
