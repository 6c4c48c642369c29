import type { QueuedEvent } from "./event-type.ts";
import { type ParkCode, RulesError } from "./rules-error.ts";

/** What is kept of the result of an operation. */
export type Recorded =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "event"; readonly event: QueuedEvent }
  | { readonly kind: "fired" }
  | { readonly kind: "reply"; readonly payload: Uint8Array }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "won"; readonly name: string; readonly by: Recorded };

/** One operation of a run. */
export interface JournalEntry {
  readonly kind: string;
  /** Of its arguments. Functions are not in it. */
  readonly digest: string;
  /** Due times of the timers in a wait, in the order in which they are listed. */
  readonly dueMs: readonly number[];
  /** Undefined while a wait goes on. */
  readonly recorded: Recorded | undefined;
}

export interface Parked {
  readonly code: ParkCode;
  readonly error: string;
  readonly atMs: number;
}

export interface Retry {
  readonly count: number;
  readonly dueMs: number;
}

/** What an instance is, apart from its journal. */
export interface Head {
  readonly version: number;
  readonly trigger: QueuedEvent;
  /** Runs begun from this same trigger before. */
  readonly attempt: number;
  readonly retry: Retry | undefined;
  readonly parked: Parked | undefined;
}

/** How far an event has come: instances up to `after` have it. */
export interface Delivery {
  readonly position: number;
  readonly after: string;
}

type Plain = readonly [kind: string, ...rest: unknown[]];

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const toBytes = (json: unknown): Uint8Array => encoder.encode(JSON.stringify(json));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const plainEvent = (event: QueuedEvent): Plain => [event.id, event.position, event.type, base64(event.payload)];

function plainRecorded(recorded: Recorded): Plain {
  switch (recorded.kind) {
    case "value":
      return recorded.value === undefined ? ["value"] : ["value", recorded.value];
    case "event":
      return ["event", plainEvent(recorded.event)];
    case "fired":
      return ["fired"];
    case "reply":
      return ["reply", base64(recorded.payload)];
    case "failed":
      return ["failed", recorded.why];
    case "won":
      return ["won", recorded.name, plainRecorded(recorded.by)];
    default:
      return recorded satisfies never;
  }
}

export const encodeEvent = (event: QueuedEvent): Uint8Array => toBytes(plainEvent(event));

export function encodeEntry({ kind, digest, dueMs, recorded }: JournalEntry): Uint8Array {
  return toBytes(recorded === undefined ? [kind, digest, dueMs] : [kind, digest, dueMs, plainRecorded(recorded)]);
}

export const encodeHead = ({ version, trigger, attempt, retry, parked }: Head): Uint8Array =>
  toBytes({ version, trigger: plainEvent(trigger), attempt, retry, parked });

export const encodeCounts = (labels: ReadonlyMap<string, number>): Uint8Array => toBytes([...labels]);

export const encodeDelivery = ({ position, after }: Delivery): Uint8Array => toBytes([position, after]);

/** The reverse of {@link encodeEvent}, as the next three are of theirs. All throw `bad-format`. */
export const decodeEvent = (bytes: Uint8Array): QueuedEvent => eventOf(parsed(bytes));

export function decodeEntry(bytes: Uint8Array): JournalEntry {
  const [kind, digest, dueMs, recorded] = list(parsed(bytes));
  return {
    kind: text(kind),
    digest: text(digest),
    dueMs: list(dueMs).map(number),
    recorded: recorded === undefined ? undefined : recordedOf(recorded),
  };
}

export function decodeHead(bytes: Uint8Array): Head {
  const { version, trigger, attempt, retry, parked } = fields(parsed(bytes));
  return {
    version: number(version),
    trigger: eventOf(trigger),
    attempt: number(attempt),
    retry: retry === undefined ? undefined : retryOf(fields(retry)),
    parked: parked === undefined ? undefined : parkedOf(fields(parked)),
  };
}

export function decodeDelivery(bytes: Uint8Array): Delivery {
  const [position, after] = list(parsed(bytes));
  return { position: number(position), after: text(after) };
}

export const decodeCounts = (bytes: Uint8Array): Map<string, number> =>
  new Map(
    list(parsed(bytes)).map((plain) => {
      const [label, count] = list(plain);
      return [text(label), number(count)];
    }),
  );

const retryOf = ({ count, dueMs }: Record<string, unknown>): Retry => ({ count: number(count), dueMs: number(dueMs) });

const parkedOf = ({ code, error, atMs }: Record<string, unknown>): Parked => ({
  // Another version's code is as good: it is only shown.
  code: text(code) as ParkCode,
  error: text(error),
  atMs: number(atMs),
});

function recordedOf(plain: unknown): Recorded {
  const [kind, first, second] = list(plain);
  switch (kind as Recorded["kind"]) {
    case "value":
      return { kind: "value", value: first };
    case "event":
      return { kind: "event", event: eventOf(first) };
    case "fired":
      return { kind: "fired" };
    case "reply":
      return { kind: "reply", payload: bytesOf(first) };
    case "failed":
      return { kind: "failed", why: text(first) };
    case "won":
      return { kind: "won", name: text(first), by: recordedOf(second) };
    default:
      throw bad(`a result of kind ${String(kind)}`);
  }
}

function eventOf(plain: unknown): QueuedEvent {
  const [id, position, type, payload] = list(plain);
  return { position: number(position), id: text(id), type: text(type), payload: bytesOf(payload) };
}

const bytesOf = (plain: unknown): Uint8Array => new Uint8Array(Buffer.from(text(plain), "base64"));

const bad = (what: string, cause?: unknown): RulesError =>
  new RulesError("bad-format", `${what}: this is no entry that this version wrote`, { cause });

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw bad(`${bytes.length} bytes that are not UTF-8 JSON`, cause);
  }
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw bad("something else than a list");
}

function fields(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw bad("something else than an object");
}

function number(value: unknown): number {
  if (typeof value === "number") return value;
  throw bad("something else than a number");
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw bad("something else than a text");
}
