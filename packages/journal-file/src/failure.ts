import { JournalError } from "@halon/runtime";
import { isFull } from "./reserve.ts";

/** What ends an open journal of which records up to `durableSeq` are safe: the error itself, or `io` with what to do. */
export function failureOf(cause: unknown, dir: string, durableSeq: number): JournalError {
  if (cause instanceof JournalError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const remedy = isFull(cause)
    ? ". The disk is full: make room on it and start again; all that was reported as durable is there"
    : "";
  return new JournalError(
    "io",
    `${dir}: the journal takes nothing more after record ${durableSeq}: ${reason}${remedy}`,
    { cause },
  );
}
