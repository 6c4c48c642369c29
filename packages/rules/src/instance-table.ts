import { assert } from "@halon/runtime";
import { encodeEntry, encodeEvent, encodeHead, type Head, type Parked, type Recorded } from "./entry.ts";
import type { QueuedEvent } from "./event-type.ts";
import { Instance } from "./instance.ts";
import type { Limits } from "./limits.ts";
import { backlogKey, headKey, journalKey, nextKey } from "./names.ts";
import { ended, type Stimulus } from "./pending.ts";
import type { Rule } from "./rule.ts";
import { errorText } from "./rules-error.ts";
import type { Schedule } from "./schedule.ts";
import type { StepOutcome } from "./step.ts";
import type { StepDraft } from "./step-draft.ts";
import type { TurnDraft } from "./turn.ts";

/** All instances: each change of one is written to the turn, and its place in the schedule kept right. */
export class InstanceTable {
  readonly #instances = new Map<string, Instance>();
  readonly #schedule: Schedule;
  readonly #turn: TurnDraft;
  readonly #limits: Limits;

  constructor(schedule: Schedule, turn: TurnDraft, limits: Limits) {
    this.#schedule = schedule;
    this.#turn = turn;
    this.#limits = limits;
  }

  get size(): number {
    return this.#instances.size;
  }

  get(id: string): Instance | undefined {
    return this.#instances.get(id);
  }

  values(): Iterable<Instance> {
    return this.#instances.values();
  }

  /** Takes in one that was persisted. Where it stands is for the caller to find out. */
  restore(instance: Instance): void {
    this.#instances.set(instance.id, instance);
  }

  begin(id: string, rule: Rule, key: string, trigger: QueuedEvent): void {
    const head = { version: rule.version, trigger, attempt: 0, retry: undefined, parked: undefined };
    const instance = new Instance(id, rule.name, key, rule, head);
    this.#instances.set(id, instance);
    this.#turn.put(headKey(id), encodeHead(head), true);
    this.#schedule.ready(id);
  }

  /** A trigger for one that is there: it runs once more when it is done, with the latest. */
  merge(instance: Instance, trigger: QueuedEvent, nowMs: number): void {
    this.#turn.put(nextKey(instance.id), encodeEvent(trigger), instance.next === undefined);
    instance.next = trigger;
    const decision = instance.decision("engine", `merged/${trigger.position}`, nowMs, "merged", {});
    this.#turn.decide({ ...decision, eventIds: [trigger.id] });
  }

  /** Offers what came in to the instance's wait, or keeps an event for a step that is to be retried. False: not wanted. */
  offer(instance: Instance, stimulus: Stimulus): boolean {
    const { event, nowMs } = stimulus;
    if (instance.isBehind && event !== undefined) {
      if (instance.rule?.waits.has(event.queued.type) !== true) return false;
      this.#keep(instance, event.queued, nowMs);
      return true;
    }
    if (instance.pending === undefined) return false;
    try {
      const recorded = ended(instance.pending, stimulus);
      if (recorded !== undefined) this.#endWait(instance, recorded);
      return recorded !== undefined;
    } catch (error) {
      this.park(instance, { code: "failed", error: `a wait's match threw. ${errorText(error)}`, atMs: nowMs });
      return true;
    }
  }

  /** Makes the outcome of a step real. */
  settle(instance: Instance, outcome: StepOutcome, nowMs: number): void {
    switch (outcome.kind) {
      case "waiting":
        this.#commit(instance, outcome.draft);
        instance.pending = outcome.pending;
        this.#schedule.wait(instance.id, outcome.pending);
        return this.#offerBacklog(instance, nowMs);
      case "ended": {
        this.#turn.commit(outcome.draft);
        const { next } = instance;
        if (next === undefined) this.drop(instance);
        else this.restart(instance, next, 0);
        return;
      }
      case "failed":
        return this.#retry(instance, outcome.error, nowMs);
      case "faulty":
        return this.park(instance, { code: outcome.code, error: outcome.error, atMs: nowMs });
      default:
        return outcome satisfies never;
    }
  }

  /** Stops it, keeping its journal to be looked at. */
  park(instance: Instance, parked: Parked): void {
    this.#schedule.forget(instance.id);
    instance.live = undefined;
    instance.pending = undefined;
    this.#clearBacklog(instance);
    this.#putHead(instance, { ...instance.head, retry: undefined, parked });
    const { code, error } = parked;
    this.#turn.decide(instance.decision("engine", "parked", parked.atMs, "parked", { code, error }));
  }

  /** Begins a new run. */
  restart(instance: Instance, trigger: QueuedEvent, attempt: number): void {
    const { rule } = instance;
    assert(rule !== undefined, `restart of ${instance.id}, whose rule is not known`);
    this.#clearRun(instance);
    this.#putHead(instance, { version: rule.version, trigger, attempt, retry: undefined, parked: undefined });
    this.#schedule.ready(instance.id);
  }

  /** Removes all of it. */
  drop(instance: Instance): void {
    this.#clearRun(instance);
    this.#schedule.forget(instance.id);
    this.#turn.remove(headKey(instance.id));
    this.#instances.delete(instance.id);
  }

  scheduleRetry(instance: Instance): void {
    const { retry } = instance.head;
    assert(retry !== undefined && instance.rule !== undefined, `no retry of ${instance.id} is due`);
    this.#schedule.waitForRetry(instance.id, retry.dueMs, instance.rule.waits.keys());
  }

  #commit(instance: Instance, draft: StepDraft): void {
    const { id, journal, head } = instance;
    for (const { entry, encoded } of draft.entries) {
      this.#turn.put(journalKey(id, journal.length), encoded, true);
      journal.push(entry);
    }
    instance.journalBytes += draft.entriesBytes;
    this.#turn.commit(draft);
    if (head.retry !== undefined) this.#putHead(instance, { ...head, retry: undefined });
  }

  #endWait(instance: Instance, recorded: Recorded): void {
    const at = instance.journal.length - 1;
    const entry = instance.journal[at];
    assert(entry !== undefined && entry.recorded === undefined, `${instance.id} waits, but entry ${at} has a result`);
    const done = { ...entry, recorded };
    instance.journal[at] = done;
    instance.pending = undefined;
    const encoded = encodeEntry(done);
    instance.journalBytes += encoded.length;
    this.#turn.put(journalKey(instance.id, at), encoded, false);
    this.#schedule.ready(instance.id);
  }

  #retry(instance: Instance, error: string, nowMs: number): void {
    const { retriesMax, retryBackoffMs, retryBackoffMaxMs } = this.#limits;
    const count = (instance.head.retry?.count ?? 0) + 1;
    if (count > retriesMax) return this.park(instance, { code: "failed", error, atMs: nowMs });
    const dueMs = Math.ceil(nowMs + Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** (count - 1)));
    this.#putHead(instance, { ...instance.head, retry: { count, dueMs } });
    const place = `failed/${instance.journal.length}/${count}`;
    this.#turn.decide(instance.decision("engine", place, nowMs, "failed", { error, retry: count, dueMs }));
    this.scheduleRetry(instance);
  }

  #keep(instance: Instance, event: QueuedEvent, nowMs: number): void {
    const { backlogMax } = this.#limits;
    if (instance.backlog.length >= backlogMax) {
      const error = `over ${backlogMax} events (backlogMax) came while its step was to be retried`;
      return this.park(instance, { code: "limit", error, atMs: nowMs });
    }
    instance.backlog.push(event);
    this.#turn.put(backlogKey(instance.id, event.position), encodeEvent(event), true);
  }

  /** What was kept comes as if it came now, until one ends the wait. */
  #offerBacklog(instance: Instance, nowMs: number): void {
    while (instance.pending !== undefined) {
      const queued = instance.backlog.shift();
      if (queued === undefined) return;
      this.#turn.remove(backlogKey(instance.id, queued.position));
      const type = instance.rule?.waits.get(queued.type);
      if (type !== undefined) this.offer(instance, { nowMs, event: { queued, value: type.decode(queued.payload) } });
    }
  }

  #clearRun(instance: Instance): void {
    instance.live = undefined;
    instance.pending = undefined;
    for (const at of instance.journal.keys()) this.#turn.remove(journalKey(instance.id, at));
    instance.journal = [];
    instance.journalBytes = 0;
    this.#clearBacklog(instance);
    if (instance.next !== undefined) this.#turn.remove(nextKey(instance.id));
    instance.next = undefined;
  }

  #clearBacklog(instance: Instance): void {
    for (const { position } of instance.backlog) this.#turn.remove(backlogKey(instance.id, position));
    instance.backlog = [];
  }

  #putHead(instance: Instance, head: Head): void {
    instance.head = head;
    this.#turn.put(headKey(instance.id), encodeHead(head), false);
  }
}
