import { RulesError } from "./rules-error.ts";

const NAME = /^[A-Za-z][A-Za-z0-9._-]*$/;
const NAME_CHARS_MAX = 64;
/** Length of an instance's key in a store's key, where all but letters, digits and `-_.!~*'()` take three and more. */
export const KEY_ESCAPED_CHARS_MAX = 400;

/** `name`, as the name of a rule or event type. Throws `bad-declaration`. */
export function checkedRuleName(what: string, name: string): string {
  if (name.length <= NAME_CHARS_MAX && NAME.test(name)) return name;
  throw new RulesError(
    "bad-declaration",
    `${what} ${JSON.stringify(name.slice(0, 80))}: 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 . _ -, a letter first`,
  );
}

/** Identity of the one instance for a rule and key: `<rule>/<escaped key>`. Undefined for a key that is not possible. */
export function instanceId(rule: string, key: string): string | undefined {
  if (typeof key !== "string" || key === "" || /\p{Surrogate}/u.test(key)) return undefined;
  const escaped = encodeURIComponent(key);
  return escaped.length <= KEY_ESCAPED_CHARS_MAX ? `${rule}/${escaped}` : undefined;
}

const NUMBER_DIGITS = 16;
/** Whole numbers that sort as text. */
const sortable = (value: number): string => String(value).padStart(NUMBER_DIGITS, "0");

/** Text that sorts by time first. */
export const timerKey = (dueMs: number, id: string): string => `${sortable(dueMs)}/${id}`;
export const timerDueMs = (key: string): number => Number(key.slice(0, NUMBER_DIGITS));

/**
 * Keys of what is persisted: printable ASCII, at most 512 characters.
 *
 *     <rule>/<key>/head            trigger, version, state
 *     <rule>/<key>/next            the latest trigger that was merged
 *     <rule>/<key>/j/<n>           result of the n-th operation of this run
 *     <rule>/<key>/b/<position>    an event kept for a step that is to be retried
 *     ~delivery                    how far an event has come that needs more than one turn
 *     ~counts/<counter>            what a counter has counted
 */
export const headKey = (id: string): string => `${id}/head`;
export const nextKey = (id: string): string => `${id}/next`;
export const journalKey = (id: string, at: number): string => `${id}/j/${sortable(at)}`;
export const backlogKey = (id: string, position: number): string => `${id}/b/${sortable(position)}`;
export const DELIVERY_KEY = "~delivery";
export const COUNTS_PREFIX = "~counts/";
export const countsKey = (counter: string): string => COUNTS_PREFIX + counter;

/** The parts of a key, or undefined for what none of the above makes. */
export function parseEntryKey(key: string): EntryKey | undefined {
  const match = /^([^/]+)\/([^/]+)\/(?:(head|next)|([jb])\/(\d{16}))$/.exec(key);
  if (match === null) return undefined;
  const [, rule = "", escaped = "", single, numbered, digits] = match;
  const id = `${rule}/${escaped}`;
  if (single === "head" || single === "next") return { id, rule, escaped, part: single, number: 0 };
  return { id, rule, escaped, part: numbered === "j" ? "journal" : "backlog", number: Number(digits) };
}

export interface EntryKey {
  readonly id: string;
  readonly rule: string;
  readonly escaped: string;
  readonly part: "head" | "next" | "journal" | "backlog";
  readonly number: number;
}
