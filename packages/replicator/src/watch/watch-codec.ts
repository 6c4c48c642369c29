import { KEY_CHARS_MAX } from "@halon/runtime";
import { halon } from "../gen/replicator.js";
import {
  isPrefix,
  type StateChange,
  WATCH_WAIT_MS_MAX,
  type WatchAnswer,
  type WatchRefusalCode,
  type WatchRequest,
} from "./watch.ts";

const wire = halon.replicator.v1;

/** Bytes that no watcher, or no member, of this version says. */
export class WatchCodecError extends Error {
  override readonly name = "WatchCodecError";
}

type Long = NonNullable<halon.replicator.v1.IWatchRequest["after"]>;

const GROUP_CHARS_MAX = 256;
const MESSAGE_CHARS_MAX = 1_024;
const CODES: readonly WatchRefusalCode[] = ["busy", "behind", "unavailable", "not-watched"];

/** The generated types ask for Long; its encoder takes any safe integer. */
const toWire = (value: number): Long => value as unknown as Long;

function check(isRight: boolean, complaint: () => string): void {
  if (!isRight) throw new WatchCodecError(complaint());
}

function fromWire(value: Long | null | undefined, field: string): number {
  const number = typeof value === "object" ? (value?.toNumber() ?? 0) : Number(value ?? 0);
  check(Number.isSafeInteger(number), () => `${field} is ${String(value)}: above 2^53`);
  return number;
}

function decodeWith<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WatchCodecError(`undecodable ${what}: ${why}`, { cause });
  }
}

function groupOf(text: string | null | undefined): string {
  const group = text ?? "";
  check(group.length <= GROUP_CHARS_MAX, () => `group of ${group.length} characters: at most ${GROUP_CHARS_MAX}`);
  return group;
}

export const encodeWatchRequest = ({ after, ...request }: WatchRequest): Uint8Array =>
  wire.WatchRequest.encode({ ...request, after: toWire(after) }).finish();

/** Throws {@link WatchCodecError}. */
export function decodeWatchRequest(bytes: Uint8Array): WatchRequest {
  const request = decodeWith("question of a watcher", () => wire.WatchRequest.decode(bytes));
  const prefix = request.prefix ?? "";
  check(isPrefix(prefix), () => `prefix ${JSON.stringify(prefix.slice(0, 80))}: keys are printable ASCII`);
  const waitMs = Math.min(request.waitMs ?? 0, WATCH_WAIT_MS_MAX);
  return { after: fromWire(request.after, "after"), prefix, waitMs, group: groupOf(request.group) };
}

export function encodeWatchAnswer(answer: WatchAnswer): Uint8Array {
  const { group } = answer;
  const encode = (body: halon.replicator.v1.IWatchAnswer): Uint8Array =>
    wire.WatchAnswer.encode({ group, ...body }).finish();
  switch (answer.kind) {
    case "changes": {
      const changes = answer.changes.map(({ index, key, value }) => ({
        index: toWire(index),
        key,
        ...(value !== undefined && { value }),
      }));
      return encode({ changes: { upTo: toWire(answer.upTo), changes } });
    }
    case "resync":
      return encode({ resync: { index: toWire(answer.index) } });
    case "refused":
      return encode({ refused: { code: answer.code, message: answer.message } });
    default:
      return answer satisfies never;
  }
}

/** In the order of their decrees, none behind `upTo`. Values are copies. */
function changesFromWire({ changes, ...rest }: halon.replicator.v1.WatchAnswer.IChanges) {
  const upTo = fromWire(rest.upTo, "up_to");
  let last = 0;
  const decoded = (changes ?? []).map((change): StateChange => {
    const index = fromWire(change.index, "index");
    const key = change.key ?? "";
    check(index >= last && index <= upTo, () => `change of decree ${index} behind ${last}, in an answer up to ${upTo}`);
    const isKey = key !== "" && key.length <= KEY_CHARS_MAX && isPrefix(key);
    check(isKey, () => `key ${JSON.stringify(key.slice(0, 80))}: keys are printable ASCII`);
    last = index;
    return { index, key, value: change.value == null ? undefined : new Uint8Array(change.value) };
  });
  return { kind: "changes" as const, upTo, changes: decoded };
}

/** Throws {@link WatchCodecError}. */
export function decodeWatchAnswer(bytes: Uint8Array): WatchAnswer {
  const answer = decodeWith("answer to a watcher", () => wire.WatchAnswer.decode(bytes));
  const group = groupOf(answer.group);
  if (answer.changes) return { group, ...changesFromWire(answer.changes) };
  if (answer.resync) return { group, kind: "resync", index: fromWire(answer.resync.index, "index") };
  const code = CODES.find((each) => each === answer.refused?.code);
  if (code === undefined) throw new WatchCodecError("an answer to a watcher that this version does not know");
  return { group, kind: "refused", code, message: (answer.refused?.message ?? "").slice(0, MESSAGE_CHARS_MAX) };
}
