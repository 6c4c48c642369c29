export type ApiErrorCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  /** First something else has to be done. */
  | "FAILED_PRECONDITION"
  /** Too much is under way. */
  | "RESOURCE_EXHAUSTED"
  /** Nothing is known of what was asked for: it may have happened, or happen yet. */
  | "DEADLINE_EXCEEDED"
  | "UNAVAILABLE";

/** A request that comes to nothing. The code is gRPC's; the message says what to do. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
