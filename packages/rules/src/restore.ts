import { assert } from "@halon/runtime";
import { type Delivery, decodeDelivery, decodeEntry, decodeEvent, decodeHead, type Head } from "./entry.ts";
import { Instance } from "./instance.ts";
import { COUNTS_PREFIX, DELIVERY_KEY, type EntryKey, parseEntryKey } from "./names.ts";
import type { RuleBook } from "./rule-book.ts";
import { errorText, type ParkCode, RulesError } from "./rules-error.ts";

/** Why an instance cannot go on. */
export interface Fault {
  readonly code: ParkCode;
  readonly error: string;
}

/** What was persisted, as the engine needs it. */
export interface Restored {
  /** In order of id. */
  readonly instances: readonly Instance[];
  /** Those that cannot go on, and why. */
  readonly faults: ReadonlyMap<string, Fault>;
  readonly delivery: Delivery | undefined;
}

/** An entry as it was written. */
export type PersistedEntry = readonly [key: string, value: Uint8Array];

type Parts = { readonly at: EntryKey; readonly bytes: Uint8Array }[];

/** Sorts persisted entries, which may come in any order, by instance. */
export function restore(book: RuleBook, entries: Iterable<PersistedEntry>): Restored {
  const byId = new Map<string, Parts>();
  let delivery: Delivery | undefined;
  for (const [key, bytes] of entries) {
    if (key === DELIVERY_KEY) {
      delivery = decodeDelivery(bytes);
      continue;
    }
    if (key.startsWith(COUNTS_PREFIX)) continue;
    const at = parseEntryKey(key);
    assert(
      at !== undefined,
      `key ${JSON.stringify(key)} is none of a rule instance: the engine was given the wrong range`,
    );
    const parts = byId.get(at.id);
    if (parts === undefined) byId.set(at.id, [{ at, bytes }]);
    else parts.push({ at, bytes });
  }
  const faults = new Map<string, Fault>();
  const instances = [...byId]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, parts]) => {
      const instance = skeleton(book, id, parts);
      const fault = fill(instance, parts) ?? unfit(instance);
      if (fault !== undefined && instance.head.parked === undefined) faults.set(id, fault);
      return instance;
    });
  return { instances, faults, delivery };
}

/** Stands in for one that cannot be read. */
const NO_HEAD: Head = {
  version: 0,
  trigger: { position: 0, id: "", type: "", payload: new Uint8Array(0) },
  attempt: 0,
  retry: undefined,
  parked: undefined,
};

function skeleton(book: RuleBook, id: string, parts: Parts): Instance {
  const [first] = parts;
  assert(first !== undefined, `instance ${id} without an entry`);
  const { rule, escaped } = first.at;
  return new Instance(id, rule, decodeURIComponent(escaped), book.rule(rule), NO_HEAD);
}

/** Reads the parts into the instance; says what is wrong with them. */
function fill(instance: Instance, parts: Parts): Fault | undefined {
  parts.sort((a, b) => a.at.number - b.at.number);
  try {
    for (const { at, bytes } of parts) {
      if (at.part === "head") instance.head = decodeHead(bytes);
      else if (at.part === "next") instance.next = decodeEvent(bytes);
      else if (at.part === "backlog") instance.backlog.push(decodeEvent(bytes));
      else {
        if (at.number !== instance.journal.length)
          throw new RulesError("bad-format", `entry ${instance.journal.length} of the journal is missing`);
        instance.journal.push(decodeEntry(bytes));
        instance.journalBytes += bytes.length;
      }
    }
    if (instance.head === NO_HEAD) throw new RulesError("bad-format", "the head is missing");
    const open = instance.journal.findIndex(({ recorded }) => recorded === undefined);
    if (open >= 0 && open < instance.journal.length - 1)
      throw new RulesError("bad-format", `entry ${open} of the journal has no result, but later ones are there`);
    return undefined;
  } catch (error) {
    return { code: "damaged", error: errorText(error) };
  }
}

function unfit({ rule, ruleName, head }: Instance): Fault | undefined {
  if (rule === undefined)
    return { code: "unknown-rule", error: `there is no rule ${ruleName}; add it again, or drop the instance` };
  if (rule.version !== head.version)
    return {
      code: "version",
      error: `it was begun by version ${head.version} of rule ${ruleName}, and this is ${rule.version}; release it to begin again`,
    };
  return undefined;
}
