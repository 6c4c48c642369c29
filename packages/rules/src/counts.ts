import type { Counter } from "./counter.ts";
import { decodeCounts, encodeCounts } from "./entry.ts";
import type { QueuedEvent } from "./event-type.ts";
import { COUNTS_PREFIX, countsKey } from "./names.ts";
import type { PersistedEntry } from "./restore.ts";
import { errorText, RulesError } from "./rules-error.ts";
import type { TurnDraft } from "./turn.ts";

/** Names that one counter counts under; all further ones share {@link OTHER_LABEL}. */
export const LABELS_MAX = 256;
const LABEL_CHARS_MAX = 64;
export const OTHER_LABEL = "~other";

interface Counting {
  readonly counter: Counter;
  readonly labels: Map<string, number>;
  isStored: boolean;
  isChanged: boolean;
}

/** What the counters have counted, as of the turn in the making. */
export class Counts {
  readonly #byType = new Map<string, Counting[]>();
  readonly #all: readonly Counting[];

  /** Throws `bad-declaration` for a counter that is declared twice. */
  constructor(counters: readonly Counter[], entries: Iterable<PersistedEntry>) {
    const stored = new Map([...entries].filter(([key]) => key.startsWith(COUNTS_PREFIX)));
    this.#all = counters.map((counter) => {
      const bytes = stored.get(countsKey(counter.name));
      const labels = bytes === undefined ? new Map<string, number>() : decodeCounts(bytes);
      return { counter, labels, isStored: bytes !== undefined, isChanged: false };
    });
    if (new Set(counters.map(({ name }) => name)).size < counters.length)
      throw new RulesError("bad-declaration", "two counters have one name: rename one");
    for (const each of this.#all) {
      const type = each.counter.on.name;
      this.#byType.set(type, [...(this.#byType.get(type) ?? []), each]);
    }
  }

  /** Whether events of that type are counted. */
  wants(type: string): boolean {
    return this.#byType.has(type);
  }

  /** An event is consumed that was read as `value`. What a counter throws is told of it, and it counts as another. */
  note(event: QueuedEvent, value: unknown, turn: TurnDraft): void {
    for (const each of this.#byType.get(event.type) ?? []) {
      let label = OTHER_LABEL;
      try {
        label = each.counter.labelOf(value).slice(0, LABEL_CHARS_MAX);
      } catch (error) {
        turn.refuse(event, `counter ${each.counter.name}: ${errorText(error)}`);
      }
      const { labels } = each;
      const known = labels.get(label);
      if (known === undefined && labels.size >= LABELS_MAX) label = OTHER_LABEL;
      labels.set(label, (known ?? labels.get(label) ?? 0) + 1);
      each.isChanged = true;
    }
  }

  /** Puts what has changed into the turn. */
  write(turn: TurnDraft): void {
    for (const each of this.#all) {
      if (!each.isChanged) continue;
      turn.put(countsKey(each.counter.name), encodeCounts(each.labels), !each.isStored);
      each.isStored = true;
      each.isChanged = false;
    }
  }

  /** By name and label. */
  get report(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return Object.fromEntries(this.#all.map(({ counter, labels }) => [counter.name, Object.fromEntries(labels)]));
  }
}
