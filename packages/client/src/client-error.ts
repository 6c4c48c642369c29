/**
 * - `bad-option`, `bad-event`: what was given cannot be; nothing was sent.
 * - `bad-value`: a vertex is not what the schema given says of its type.
 * - `refused`: final, and why.
 * - `full`: too much waits here. Wait for some of it.
 * - `unknown`: it may have been done, and nobody can say.
 * - `cancelled`: not waited for any more: an event may have been stored, or be stored yet.
 * - `closed`: after `close`.
 */
export type ClientErrorCode =
  | "bad-option"
  | "bad-event"
  | "bad-value"
  | "refused"
  | "full"
  | "unknown"
  | "cancelled"
  | "closed";

/** What was not done, why, and what to do. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
