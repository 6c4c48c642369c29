import type { Graph, GraphChange } from "@halon/resource-graph";
import type { Decision } from "./decision.ts";
import type { QueuedEvent } from "./event-type.ts";
import type { Limits } from "./limits.ts";
import { type Command, decisionBytes, type StepDraft } from "./step-draft.ts";

/** A persisted entry that changed, or went. */
export interface EntryWrite {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

export interface RefusedEvent {
  readonly position: number;
  readonly eventId: string;
  readonly type: string;
  readonly why: string;
}

/** All that the engine has brought about since the last one: the content of one checkpoint, to be applied as a whole. */
export interface Turn {
  /** Positions of events that need not come again. */
  readonly consumed: readonly number[];
  /** Ids of commands whose answers need not come again; they leave the outbox. */
  readonly settled: readonly string[];
  /** Net, in an order in which they can be applied. */
  readonly graphChanges: readonly GraphChange[];
  /** With these changes made: what it will be once they are decided. */
  readonly graph: Graph;
  readonly entryWrites: readonly EntryWrite[];
  /** In order of making. */
  readonly commands: readonly Command[];
  /** In order of making. */
  readonly decisions: readonly Decision[];
  /** Consumed events of types that no rule knows: how many of each. */
  readonly unknownTypes: ReadonlyMap<string, number>;
  /** Consumed events that could not be read; some rule's `key` may have had no word for one that others took. */
  readonly refused: readonly RefusedEvent[];
  /** Consumed events that nobody waited for. */
  readonly unwantedEvents: number;
  /** Settled answers that nobody waited for: to `send`, to losers of races, repeated ones. */
  readonly unwantedAnswers: number;
}

/** `isNew`: the key was not in the store when this turn began. */
interface Write {
  readonly value: Uint8Array | undefined;
  readonly isNew: boolean;
}

/** Counted for each input and write beside its texts. */
const FRAME_BYTES = 32;
/** Counted for an event that is consumed: those that follow each other are told as one range. */
const CONSUMED_BYTES = 1;

const bytesOf = (key: string, value: Uint8Array | undefined): number => FRAME_BYTES + key.length + (value?.length ?? 0);

/** The turn in the making, and the graph as it will be. */
export class TurnDraft {
  readonly #limits: Limits;
  #base: Graph;
  #graph: Graph;
  #bytes = 0;
  /** As `#bytes`, with what came and went again: what it took to make the turn. */
  #workBytes = 0;
  #changes: (readonly GraphChange[])[] = [];
  #writes = new Map<string, Write>();
  #consumed: number[] = [];
  #settled: string[] = [];
  #commands: Command[] = [];
  #decisions: Decision[] = [];
  #unknownTypes = new Map<string, number>();
  #refused: RefusedEvent[] = [];
  #unwantedEvents = 0;
  #unwantedAnswers = 0;

  constructor(graph: Graph, limits: Limits) {
    this.#base = graph;
    this.#graph = graph;
    this.#limits = limits;
  }

  get graph(): Graph {
    return this.#graph;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** Whether there is more in it than consumed events. */
  get isPressing(): boolean {
    return this.#bytes > this.#consumed.length * CONSUMED_BYTES;
  }

  get isFull(): boolean {
    const { turnBytesMax, turnWorkBytesMax, turnCommandsMax, turnDecisionsMax, turnInputsMax } = this.#limits;
    return (
      this.#bytes >= turnBytesMax ||
      this.#workBytes >= turnWorkBytesMax ||
      this.#commands.length >= turnCommandsMax ||
      this.#decisions.length >= turnDecisionsMax ||
      this.#consumed.length + this.#settled.length >= turnInputsMax
    );
  }

  /** What a step did, but for its journal entries. */
  commit(draft: StepDraft): void {
    this.#graph = draft.graph;
    this.#changes.push(...draft.changes);
    this.#commands.push(...draft.commands);
    this.#decisions.push(...draft.decisions);
    this.#grow(draft.bytes, draft.bytes);
  }

  decide(decision: Decision): void {
    this.#decisions.push(decision);
    this.#grow(decisionBytes(decision), decisionBytes(decision));
  }

  put(key: string, value: Uint8Array, isNew: boolean): void {
    const before = this.#writes.get(key);
    this.#writes.set(key, { value, isNew: before?.isNew ?? isNew });
    this.#grow(bytesOf(key, value) - (before === undefined ? 0 : bytesOf(key, before.value)), bytesOf(key, value));
  }

  /** What came and went within this turn leaves nothing. */
  remove(key: string): void {
    const before = this.#writes.get(key);
    const isNew = before?.isNew ?? false;
    const sooner = before === undefined ? 0 : bytesOf(key, before.value);
    if (isNew) this.#writes.delete(key);
    else this.#writes.set(key, { value: undefined, isNew });
    this.#grow((isNew ? 0 : bytesOf(key, undefined)) - sooner, bytesOf(key, undefined));
  }

  #grow(bytes: number, workBytes: number): void {
    this.#bytes += bytes;
    this.#workBytes += workBytes;
  }

  consume(event: QueuedEvent, wanted: boolean): void {
    this.#consumed.push(event.position);
    if (!wanted) this.#unwantedEvents++;
    this.#grow(CONSUMED_BYTES, CONSUMED_BYTES);
  }

  consumeUnknown(event: QueuedEvent): void {
    this.consume(event, true);
    this.#unknownTypes.set(event.type, (this.#unknownTypes.get(event.type) ?? 0) + 1);
    this.#grow(event.type.length, event.type.length);
  }

  /** Does not consume it: others may want it. */
  refuse({ position, id, type }: QueuedEvent, why: string): void {
    this.#refused.push({ position, eventId: id, type, why });
    this.#grow(FRAME_BYTES + id.length + type.length + why.length, FRAME_BYTES + id.length + type.length + why.length);
  }

  settle(commandId: string, wanted: boolean): void {
    this.#settled.push(commandId);
    if (!wanted) this.#unwantedAnswers++;
    this.#grow(FRAME_BYTES + commandId.length, FRAME_BYTES + commandId.length);
  }

  /** What is in it, and begins the next one. */
  close(): Turn {
    const turn: Turn = {
      consumed: this.#consumed,
      settled: this.#settled,
      graphChanges: this.#changes.length > 1 ? this.#base.combine(this.#changes) : (this.#changes[0] ?? []),
      graph: this.#graph,
      entryWrites: [...this.#writes].map(([key, { value }]) => ({ key, value })),
      commands: this.#commands,
      decisions: this.#decisions,
      unknownTypes: this.#unknownTypes,
      refused: this.#refused,
      unwantedEvents: this.#unwantedEvents,
      unwantedAnswers: this.#unwantedAnswers,
    };
    this.#base = this.#graph;
    this.#bytes = 0;
    this.#workBytes = 0;
    this.#changes = [];
    this.#writes = new Map();
    this.#consumed = [];
    this.#settled = [];
    this.#commands = [];
    this.#decisions = [];
    this.#unknownTypes = new Map();
    this.#refused = [];
    this.#unwantedEvents = 0;
    this.#unwantedAnswers = 0;
    return turn;
  }
}
