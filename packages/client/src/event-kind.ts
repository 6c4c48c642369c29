import { EVENT_BYTES_MAX } from "@halon/event-queue";
import { ClientError } from "./client-error.ts";

/** A kind of event: the name that rules know it by, and how it travels. */
export interface EventKind<Value> {
  readonly name: string;
  readonly encode: (value: Value) => Uint8Array;
}

/** What the queue takes. */
const NAME = /^[a-z][a-z0-9.-]{0,63}$/;

/**
 * Declares a kind of event. As JSON unless told otherwise: a rule reads it with `JSON.parse`. Throws `bad-event` for a name that the
 * queue would not take.
 */
export function eventKind<Value>(
  name: string,
  encode: (value: Value) => Uint8Array = (value) => new TextEncoder().encode(JSON.stringify(value)),
): EventKind<Value> {
  if (!NAME.test(name))
    throw new ClientError(
      "bad-event",
      `event ${JSON.stringify(name.slice(0, 80))}: use 1 to 64 characters of a-z 0-9 . - that begin with a letter`,
    );
  return { name, encode };
}

/** The event as it travels. Throws `bad-event`. */
export function encodeEvent<Value>({ name, encode }: EventKind<Value>, value: Value): Uint8Array {
  let payload: Uint8Array;
  try {
    payload = encode(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ClientError("bad-event", `event ${name} cannot be encoded: ${why}`, { cause });
  }
  if (payload.byteLength > EVENT_BYTES_MAX)
    throw new ClientError(
      "bad-event",
      `event ${name} of ${payload.byteLength} bytes: at most ${EVENT_BYTES_MAX} are taken; submit a reference instead`,
    );
  return payload;
}
