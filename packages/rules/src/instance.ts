import type { RuleContext } from "./context.ts";
import { DECISION_EVENTS_MAX, type Decision } from "./decision.ts";
import type { Head, JournalEntry } from "./entry.ts";
import type { QueuedEvent } from "./event-type.ts";
import type { Request } from "./operation.ts";
import { eventIn, type Pending } from "./pending.ts";
import type { Rule, RuleRun } from "./rule.ts";

/** A generator and the request at which it stands. */
export interface Live {
  readonly run: RuleRun<unknown>;
  readonly ctx: RuleContext;
  /** Undefined before the first. */
  request: Request | undefined;
  /** Number of `request` in the journal; -1 before the first. */
  at: number;
}

/**
 * One run of one rule for one key. What is here besides `live` and `pending` is persisted; those two are rebuilt from it.
 * Invariant: `pending` is there only with `live`, and then the last entry of the journal is without result.
 */
export class Instance {
  readonly id: string;
  readonly ruleName: string;
  readonly key: string;
  /** Undefined when this version has no such rule. */
  readonly rule: Rule | undefined;
  head: Head;
  /** The latest trigger that came while this one ran. */
  next: QueuedEvent | undefined;
  journal: JournalEntry[] = [];
  journalBytes = 0;
  /** Came while a retry was due. */
  backlog: QueuedEvent[] = [];
  live: Live | undefined;
  pending: Pending | undefined;

  constructor(id: string, ruleName: string, key: string, rule: Rule | undefined, head: Head) {
    this.id = id;
    this.ruleName = ruleName;
    this.key = key;
    this.rule = rule;
    this.head = head;
  }

  /** What tells this run from all others of the instance: its trigger's position, and which attempt it is. */
  get run(): string {
    const { trigger, attempt } = this.head;
    return attempt === 0 ? String(trigger.position) : `${trigger.position}.${attempt}`;
  }

  /** Unique for ever. */
  get runId(): string {
    return `${this.id}/${this.run}`;
  }

  /** Whether events that its waits may want are kept for later. */
  get isBehind(): boolean {
    return this.head.retry !== undefined && this.head.parked === undefined;
  }

  /** A decision about this run. `place` tells it from the run's others. */
  decision(by: Decision["by"], place: string, atMs: number, outcome: string, facts: Decision["facts"]): Decision {
    const heard = this.journal.flatMap(({ recorded }) => {
      const event = recorded === undefined ? undefined : eventIn(recorded);
      return event === undefined ? [] : [event.id];
    });
    return {
      id: `${this.runId}/${place}`,
      atMs,
      by,
      rule: this.ruleName,
      version: this.head.version,
      key: this.key,
      run: this.run,
      eventIds: [this.head.trigger.id, ...heard.slice(1 - DECISION_EVENTS_MAX)],
      outcome,
      facts,
    };
  }
}
