import type { Counts } from "./counts.ts";
import type { QueuedEvent } from "./event-type.ts";
import type { InstanceTable } from "./instance-table.ts";
import { instanceId } from "./names.ts";
import type { Stimulus } from "./pending.ts";
import type { Rule } from "./rule.ts";
import type { RuleBook } from "./rule-book.ts";
import { errorText } from "./rules-error.ts";
import type { Schedule } from "./schedule.ts";
import type { TurnDraft } from "./turn.ts";

interface Trigger {
  readonly rule: Rule;
  readonly key: string;
}

/** An event on its way to all that want it, one after the other in order of id. */
export class DeliveryRound {
  readonly event: QueuedEvent;
  readonly #value: unknown;
  readonly #triggers: ReadonlyMap<string, Trigger>;
  readonly #ids: readonly string[];
  readonly #refusals: readonly string[];
  readonly #counts: Counts;
  #at = 0;
  #wanted: boolean;

  private constructor(
    event: QueuedEvent,
    value: unknown,
    aims: Aims,
    ids: readonly string[],
    wanted: boolean,
    counts: Counts,
  ) {
    this.#counts = counts;
    this.event = event;
    this.#value = value;
    this.#triggers = aims.triggers;
    this.#refusals = aims.refusals;
    this.#ids = ids;
    this.#wanted = wanted;
  }

  /**
   * Finds out who is concerned. `after`: those up to this id have the event already. Undefined for one that nobody can
   * read: it is consumed.
   */
  static of(
    event: QueuedEvent,
    after: string,
    { book, schedule, turn, counts, inputBytesMax }: DeliveryPorts,
  ): DeliveryRound | undefined {
    const type = book.eventType(event.type);
    if (type === undefined) {
      turn.consumeUnknown(event);
      return undefined;
    }
    const isOnlyCounted =
      counts.wants(event.type) && book.begunBy(event.type).length === 0 && !schedule.hasListeners(event.type);
    let value: unknown;
    try {
      if (event.payload.length > inputBytesMax)
        throw new RangeError(`${event.payload.length} bytes: at most ${inputBytesMax} (inputBytesMax) are taken`);
      value = type.decode(isOnlyCounted ? event.payload : event.payload.slice());
    } catch (error) {
      turn.refuse(event, errorText(error));
      turn.consume(event, true);
      return undefined;
    }
    if (isOnlyCounted) {
      counts.note(event, value, turn);
      turn.consume(event, true);
      return undefined;
    }
    const aims = aimsOf(value, book.begunBy(event.type));
    const concerned = new Set([...schedule.listeners(event.type), ...aims.triggers.keys()]);
    const ids = [...concerned].filter((id) => id > after).sort();
    const wanted = after !== "" || aims.triggers.size > 0 || counts.wants(event.type);
    // Instances keep it: what it came in is let go.
    const { position, id, payload } = event;
    const kept = { position, id, type: event.type, payload: payload.slice() };
    return new DeliveryRound(kept, value, aims, ids, wanted, counts);
  }

  /** Instances that it begins. */
  beginsCount(table: InstanceTable): number {
    let count = 0;
    for (const id of this.#triggers.keys()) if (table.get(id) === undefined) count++;
    return count;
  }

  /** Id of the last that has it, if it has come to any, but not to all. */
  get after(): string | undefined {
    return this.#ids[this.#at - 1];
  }

  /** Gives it to the next one. False when there is none: it is consumed. */
  next(table: InstanceTable, turn: TurnDraft, nowMs: number): boolean {
    const id = this.#ids[this.#at];
    if (id === undefined) {
      for (const why of this.#refusals) turn.refuse(this.event, why);
      this.#counts.note(this.event, this.#value, turn);
      turn.consume(this.event, this.#wanted);
      return false;
    }
    this.#at++;
    const instance = table.get(id);
    const trigger = this.#triggers.get(id);
    if (instance !== undefined) {
      const stimulus: Stimulus = { nowMs, event: { queued: this.event, value: this.#value } };
      if (trigger !== undefined) table.merge(instance, this.event, nowMs);
      if (table.offer(instance, stimulus)) this.#wanted = true;
    } else if (trigger !== undefined) table.begin(id, trigger.rule, trigger.key, this.event);
    return true;
  }
}

export interface DeliveryPorts {
  readonly book: RuleBook;
  readonly schedule: Schedule;
  readonly turn: TurnDraft;
  readonly counts: Counts;
  readonly inputBytesMax: number;
}

/** What an event begins, by instance id, and which rules had no key for it. */
interface Aims {
  readonly triggers: ReadonlyMap<string, Trigger>;
  readonly refusals: readonly string[];
}

function aimsOf(value: unknown, rules: readonly Rule[]): Aims {
  const triggers = new Map<string, Trigger>();
  const refusals: string[] = [];
  for (const rule of rules) {
    try {
      const key = rule.keyOf(value);
      const id = instanceId(rule.name, key);
      if (id === undefined)
        throw new RangeError(`key ${JSON.stringify(key)?.slice(0, 80)} is empty, too long or no text`);
      triggers.set(id, { rule, key });
    } catch (error) {
      refusals.push(`rule ${rule.name}: ${errorText(error)}`);
    }
  }
  return { triggers, refusals };
}
