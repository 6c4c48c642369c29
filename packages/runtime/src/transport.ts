import type { Cancel } from "./clock.ts";

export type RequestOutcome =
  | { readonly kind: "reply"; readonly payload: Uint8Array }
  /** Nobody subscribes to the subject: known at once. */
  | { readonly kind: "noResponders" }
  /** Unknown: the request may have been received, and acted upon. */
  | { readonly kind: "timeout" }
  /** Not sent: there is no connection, or too many requests are waiting. */
  | { readonly kind: "unsent"; readonly why: string };

/** A message as delivered. `payload` is the receiver's own. */
export interface Delivery {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Present when the sender waits for a reply. Only the first reply counts. */
  readonly respond?: (payload: Uint8Array) => void;
}

export interface SubscribeOptions {
  /** Members of one queue group share the messages: each goes to one of them. */
  readonly queue?: string;
  /** Messages that may wait between arrival and delivery; a further one is dropped and counted. */
  readonly pendingMax?: number;
}

export interface Subscription {
  unsubscribe(): void;
}

/** Cumulative since the transport was opened. */
export interface TransportCounters {
  /** Messages, requests and responses handed to the bus. */
  readonly published: number;
  /** Messages and replies handed to callbacks. */
  readonly delivered: number;
  /** Published while there was no connection. */
  readonly droppedUnconnected: number;
  /** Published while too much was still waiting to leave ({@link OUTBOUND_BYTES_MAX}). */
  readonly droppedOutbound: number;
  /** Arrived at a subscription whose `pendingMax` was reached. */
  readonly droppedPending: number;
}

export type TransportErrorCode =
  | "bad-subject"
  | "bad-address"
  | "bad-credentials"
  | "too-large"
  | "closed"
  | "unreachable";

/** A misuse by the caller, or a bus that cannot be reached at opening. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Largest payload: NATS's default `max_payload`. */
export const PAYLOAD_BYTES_MAX = 1024 * 1024;
/** Longest subject: NATS ends a connection that sends a control line (subject, reply subject, sizes) above 4 096. */
export const SUBJECT_CHARS_MAX = 1024;
export const PENDING_MAX_DEFAULT = 8_192;
/** Bytes of one transport that may wait between `publish` and the bus having taken them. */
export const OUTBOUND_BYTES_MAX = 32 * 1024 * 1024;
/** Requests of one transport that may wait for their reply; further ones end as `unsent`. */
export const REQUESTS_MAX = 65_536;

/**
 * Messages between processes: at most once, in no promised order, by subject. Subjects are dot-separated tokens of
 * printable ASCII; in subscriptions `*` stands for one token and a last `>` for one or more.
 *
 * Callbacks come one at a time and never from within the call that caused them. What a callback throws is not the
 * transport's: it ends the process.
 */
export interface Transport {
  /** True while messages can leave. */
  readonly connected: boolean;
  readonly counters: TransportCounters;
  /** Sends to all present subscribers (one per queue group). Without connection it is dropped and counted. */
  publish(subject: string, payload: Uint8Array): void;
  /**
   * Calls `done` exactly once, at the latest after `timeoutMs`; not after cancelling. A request that waits when the
   * connection is lost goes on waiting; `close` ends those that wait as `timeout`.
   */
  request(subject: string, payload: Uint8Array, timeoutMs: number, done: (outcome: RequestOutcome) => void): Cancel;
  subscribe(subject: string, options: SubscribeOptions, deliver: (message: Delivery) => void): Subscription;
  /** `listener(connected)` at each change. Subscriptions survive a reconnection by themselves. */
  onConnection(listener: (connected: boolean) => void): void;
  /** Sends what was published, as far as there is a connection, then closes. Nothing is delivered after this call. */
  close(): Promise<void>;
}

/** Tokens of printable ASCII without `*`, `>` and `.`, between dots. */
const LITERAL = /^[\x21-\x29\x2b-\x2d\x2f-\x3d\x3f-\x7e]+(?:\.[\x21-\x29\x2b-\x2d\x2f-\x3d\x3f-\x7e]+)*$/;

/** Throws `bad-subject` unless `subject` can be published to or, with `wildcards`, subscribed to. */
export function assertSubject(subject: string, wildcards: boolean): void {
  if (subject.length > SUBJECT_CHARS_MAX)
    throw new TransportError(
      "bad-subject",
      `subject of ${subject.length} characters (${JSON.stringify(subject.slice(0, 40))}…): ${SUBJECT_CHARS_MAX} are allowed`,
    );
  if (!LITERAL.test(subject)) refuseBadToken(subject, wildcards);
}

/** The slow part: finds the token that is not literal and says what is wrong with it. */
function refuseBadToken(subject: string, wildcards: boolean): void {
  const tokens = subject.split(".");
  tokens.forEach((token, at) => {
    const isWild = token === "*" || (token === ">" && at === tokens.length - 1);
    if (isWild ? wildcards : /^[\x21-\x7e]+$/.test(token) && !/[*>]/.test(token)) return;
    throw new TransportError(
      "bad-subject",
      `subject ${JSON.stringify(subject)}: token ${at + 1} (${JSON.stringify(token)}) is ${isWild ? "a wildcard, which only subscriptions may use" : "not printable ASCII without blanks, '*' and '>'"}`,
    );
  });
}
