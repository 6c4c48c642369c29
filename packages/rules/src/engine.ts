import type { Graph, Json } from "@halon/resource-graph";
import { assert } from "@halon/runtime";
import { Counts } from "./counts.ts";
import { DeliveryRound } from "./delivery.ts";
import type { Answered, AnswerInput, EngineOptions, EventInput, Input } from "./engine-input.ts";
import { type Delivery, encodeDelivery } from "./entry.ts";
import type { QueuedEvent } from "./event-type.ts";
import type { Instance } from "./instance.ts";
import { type InstanceReport, reportOf } from "./instance-report.ts";
import { InstanceTable } from "./instance-table.ts";
import { type Limits, limitsWith } from "./limits.ts";
import { DELIVERY_KEY, instanceId } from "./names.ts";
import type { Answer } from "./operation.ts";
import type { StepPorts } from "./perform.ts";
import { type Fault, restore } from "./restore.ts";
import { RuleBook } from "./rule-book.ts";
import { RulesError } from "./rules-error.ts";
import { Schedule } from "./schedule.ts";
import { runStep } from "./step.ts";
import { type Turn, TurnDraft } from "./turn.ts";

/**
 * Runs rules. Whatever comes in is worked off at once, as far as there is room in the turn; `take` gives what that brought
 * about, and makes room. Nothing of it is real until the coordinator has persisted it as a whole: an engine whose turn
 * was refused is thrown away, and a new one built from what is persisted goes on.
 *
 * No input changes anything but through a turn, and the same inputs give the same turns.
 */
export class Engine {
  readonly #book: RuleBook;
  readonly #limits: Limits;
  readonly #schedule = new Schedule();
  readonly #turn: TurnDraft;
  readonly #table: InstanceTable;
  readonly #counts: Counts;
  #vars: Readonly<Record<string, Json>>;
  #nowMs: number;
  /** Timers fire up to here. Invariant: not above `#nowMs`. */
  #fireMs = -1;
  #random: number;
  #inbox: Input[] = [];
  #round: DeliveryRound | undefined;
  /** Of a round that an earlier engine began. */
  #resumed: Delivery | undefined;
  /** Whether the store has an entry of a round that is not at its end. */
  #isRoundStored: boolean;
  readonly #lastPositionByLane = new Map<number, number>();
  /** Found at the start; parked as far as a turn has room. */
  readonly #faults: { readonly instance: Instance; readonly fault: Fault }[];

  /** Throws {@link RulesError} for rules or limits that cannot be. */
  constructor({ rules, counters = [], graph, entries = [], vars = {}, limits = {}, logTimeMs, random }: EngineOptions) {
    this.#book = new RuleBook(rules, counters);
    this.#limits = limitsWith(limits);
    this.#turn = new TurnDraft(graph, this.#limits);
    this.#table = new InstanceTable(this.#schedule, this.#turn, this.#limits);
    this.#vars = vars;
    this.#nowMs = logTimeMs;
    this.#random = random;
    const persisted = [...entries];
    this.#counts = new Counts(counters, persisted);
    const { instances, faults, delivery } = restore(this.#book, persisted);
    this.#resumed = delivery;
    this.#isRoundStored = delivery !== undefined;
    for (const instance of instances) this.#table.restore(instance);
    this.#faults = instances.flatMap((instance) => {
      const fault = faults.get(instance.id) ?? this.#rebuild(instance);
      return fault === undefined ? [] : [{ instance, fault }];
    });
    this.#pump();
  }

  /** With all that was brought about so far. */
  get graph(): Graph {
    return this.#turn.graph;
  }

  /** Whether `take` would give anything. */
  get hasWork(): boolean {
    return !this.#turn.isEmpty;
  }

  /** Whether `take` gives more than events that were consumed and counted, or nothing more goes into the turn. */
  get isPressing(): boolean {
    return this.#turn.isPressing || this.#turn.isFull;
  }

  /** When `onTime` is wanted at the latest. */
  get nextTimerMs(): number | undefined {
    return this.#schedule.nextTimerMs;
  }

  /** Whether an event would be begun with at once. */
  get isIdle(): boolean {
    return this.#inbox.length === 0 && !this.#turn.isFull;
  }

  /** Position of the event that an earlier engine has given to some of those that want it: it is wanted before any other. */
  get resumedPosition(): number | undefined {
    return this.#resumed?.position;
  }

  /** What the counters have counted, by their names and labels; ahead of what is persisted. */
  get counts(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return this.#counts.report;
  }

  /** Inputs that wait for room. */
  get inboxLength(): number {
    return this.#inbox.length;
  }

  /**
   * Takes an event. Positions ascend within a lane; one that does not is taken for a repetition and let pass. False when the inbox is
   * full: give it again after the next `take`.
   */
  onEvent(event: EventInput): boolean {
    const { position, logTimeMs, lane = 0 } = event;
    if (position <= (this.#lastPositionByLane.get(lane) ?? -1)) return true;
    if (this.#inbox.length >= this.#limits.inboxMax) return false;
    this.#lastPositionByLane.set(lane, position);
    this.#inbox.push({ kind: "event", event, logTimeMs });
    this.#pump();
    return true;
  }

  /** Takes the answer to a command, whether it is waited for or not. False as with `onEvent`. */
  onAnswer(input: AnswerInput): boolean {
    if (this.#inbox.length >= this.#limits.inboxMax) return false;
    this.#inbox.push({ kind: "answer", ...input });
    this.#pump();
    return true;
  }

  /**
   * Log time, which never goes back, and chance for what follows, uniform in [0, 1). Timers fire only by this: a new
   * coordinator gives the events that are waiting first, so that they are not late for want of a coordinator.
   */
  onTime(logTimeMs: number, random: number): void {
    this.#random = random;
    this.#nowMs = Math.max(this.#nowMs, logTimeMs);
    if (this.#inbox.at(-1)?.kind === "time") this.#inbox.pop();
    this.#inbox.push({ kind: "time", atMs: this.#nowMs });
    this.#pump();
  }

  /** From now on `ctx.variable` gives these. */
  setVars(vars: Readonly<Record<string, Json>>): void {
    this.#vars = vars;
  }

  /** The content of the next checkpoint; begins the next turn with what had no room in it. */
  take(): Turn {
    const after = this.#round?.after;
    if (this.#round !== undefined && after !== undefined) {
      const { position } = this.#round.event;
      this.#turn.put(DELIVERY_KEY, encodeDelivery({ position, after }), !this.#isRoundStored);
      this.#isRoundStored = true;
    }
    this.#counts.write(this.#turn);
    const turn = this.#turn.close();
    this.#pump();
    return turn;
  }

  /**
   * Lets go of a parked instance: `again` begins a new run from its latest trigger, `drop` removes it. Throws
   * `not-parked`, also when its rule is not known and it should begin again.
   */
  release(rule: string, key: string, how: "again" | "drop"): void {
    const instance = this.#table.get(instanceId(rule, key) ?? "");
    if (instance?.head.parked === undefined)
      throw new RulesError("not-parked", `there is no parked instance of rule ${rule} for ${JSON.stringify(key)}`);
    const canRun = instance.rule !== undefined && instance.head.version > 0;
    if (how === "again" && !canRun)
      throw new RulesError("not-parked", `${rule} for ${JSON.stringify(key)} cannot begin again: drop it`);
    const outcome = how === "again" ? "released" : "dropped";
    this.#turn.decide(instance.decision("engine", outcome, this.#nowMs, outcome, {}));
    const { next, head } = instance;
    if (how === "drop") this.#table.drop(instance);
    else if (next === undefined) this.#table.restart(instance, head.trigger, head.attempt + 1);
    else this.#table.restart(instance, next, 0);
    this.#pump();
  }

  /** All instances, in no promised order. */
  *instances(): Generator<InstanceReport, void, undefined> {
    for (const instance of this.#table.values()) yield reportOf(instance);
  }

  /** Puts it where it stood. Gives what is wrong with it, if it cannot go on. */
  #rebuild(instance: Instance): Fault | undefined {
    if (instance.head.parked !== undefined) return undefined;
    const isWaiting = instance.journal.length > 0 && instance.journal.at(-1)?.recorded === undefined;
    if (instance.head.retry !== undefined) this.#table.scheduleRetry(instance);
    else if (!isWaiting) this.#schedule.ready(instance.id);
    else {
      const outcome = runStep(instance, this.#turn.graph, this.#ports());
      if (outcome.kind === "faulty") return outcome;
      assert(outcome.kind === "waiting", `the replay of ${instance.id} went beyond its journal: ${outcome.kind}`);
      this.#table.settle(instance, outcome, this.#nowMs);
    }
    return undefined;
  }

  /** Works off what is there until there is no more, or no more room. */
  #pump(): void {
    while (
      !this.#turn.isFull &&
      (this.#parkFaulty() || this.#runReady() || this.#deliver() || this.#fire() || this.#takeInput())
    );
  }

  #parkFaulty(): boolean {
    const next = this.#faults.shift();
    if (next === undefined) return false;
    const { code, error } = next.fault;
    this.#table.park(next.instance, { code, error, atMs: this.#nowMs });
    return true;
  }

  #runReady(): boolean {
    const id = this.#schedule.takeReady();
    if (id === undefined) return false;
    const instance = this.#table.get(id);
    assert(instance !== undefined, `${id} is ready, but not there`);
    this.#table.settle(instance, runStep(instance, this.#turn.graph, this.#ports()), this.#nowMs);
    return true;
  }

  #ports(): StepPorts {
    return { nowMs: this.#nowMs, random: this.#random, vars: this.#vars, limits: this.#limits };
  }

  #deliver(): boolean {
    if (this.#round === undefined) return false;
    if (this.#round.next(this.#table, this.#turn, this.#nowMs)) return true;
    this.#round = undefined;
    if (this.#isRoundStored) this.#turn.remove(DELIVERY_KEY);
    this.#isRoundStored = false;
    return true;
  }

  #fire(): boolean {
    const id = this.#schedule.due(this.#fireMs);
    if (id === undefined) return false;
    const instance = this.#table.get(id);
    assert(instance !== undefined, `the timer of ${id} is due, but there is no such instance`);
    if (instance.isBehind) this.#schedule.ready(id);
    else assert(this.#table.offer(instance, { nowMs: this.#nowMs }), `the timer of ${id} is due, but ends nothing`);
    return true;
  }

  #takeInput(): boolean {
    const [input] = this.#inbox;
    if (input === undefined) return false;
    if (input.kind === "answer") this.#answer(input);
    else if (input.kind === "time") this.#fireMs = input.atMs;
    else if (!this.#beginRound(input.event, input.logTimeMs)) return this.#overtake();
    this.#inbox.shift();
    return true;
  }

  /** Time does not wait behind an event that is held back: what ends by it makes room. False when that is done. */
  #overtake(): boolean {
    const isLater = this.#fireMs < this.#nowMs;
    this.#fireMs = this.#nowMs;
    this.#inbox = this.#inbox.filter(({ kind }) => kind !== "time");
    return isLater;
  }

  #answer({ commandId, answer }: Answered): void {
    const instance = this.#table.get(this.#schedule.asker(commandId) ?? "");
    const bytes = answer.kind === "reply" ? answer.payload.length : 0;
    const taken: Answer =
      bytes <= this.#limits.inputBytesMax
        ? answer
        : { kind: "failed", why: `the answer has ${bytes} bytes: over ${this.#limits.inputBytesMax} (inputBytesMax)` };
    const stimulus = { nowMs: this.#nowMs, answer: { commandId, answer: taken } };
    this.#turn.settle(commandId, instance !== undefined && this.#table.offer(instance, stimulus));
  }

  /** False when it would begin more instances than there may be: it waits until others have ended. */
  #beginRound(event: QueuedEvent, logTimeMs: number): boolean {
    const after = this.#resumed?.position === event.position ? this.#resumed.after : "";
    const { inputBytesMax } = this.#limits;
    const round = DeliveryRound.of(event, after, {
      book: this.#book,
      schedule: this.#schedule,
      turn: this.#turn,
      counts: this.#counts,
      inputBytesMax,
    });
    if (round !== undefined && this.#table.size + round.beginsCount(this.#table) > this.#limits.instancesMax)
      return false;
    this.#nowMs = Math.max(this.#nowMs, logTimeMs);
    this.#round = round;
    return true;
  }
}
