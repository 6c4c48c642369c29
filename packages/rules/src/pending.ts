import type { JournalEntry, Recorded } from "./entry.ts";
import type { EventType, QueuedEvent } from "./event-type.ts";
import type { Answer, WaitRequest } from "./operation.ts";

/** A wait that goes on. */
export type Pending =
  | { readonly kind: "on"; readonly type: EventType<unknown>; readonly matches: (event: never) => boolean }
  | { readonly kind: "after"; readonly dueMs: number }
  | { readonly kind: "tell"; readonly commandId: string }
  | { readonly kind: "race"; readonly waits: readonly (readonly [name: string, wait: Pending])[] };

/** What may end a wait: log time alone, or log time with an event or with an answer. */
export interface Stimulus {
  readonly nowMs: number;
  /** As queued, and decoded. */
  readonly event?: { readonly queued: QueuedEvent; readonly value: unknown };
  readonly answer?: { readonly commandId: string; readonly answer: Answer };
}

/** A wait without races, and its place: the operation's number, in a race followed by the numbers within it. */
export interface Leaf {
  readonly request: Exclude<WaitRequest, { kind: "race" }>;
  readonly place: string;
}

/** All leaves, in the order in which they are listed. */
export function* leavesOf(request: WaitRequest, place: string): Generator<Leaf, void, undefined> {
  if (request.kind !== "race") yield { request, place };
  else for (const [at, [, wait]] of request.waits.entries()) yield* leavesOf(wait, `${place}.${at}`);
}

/** The wait as it was when its journal entry was made. */
export function pendingOf(request: WaitRequest, place: string, entry: JournalEntry, run: string): Pending {
  const dueMs = entry.dueMs.values();
  const build = (wait: WaitRequest, at: string): Pending => {
    switch (wait.kind) {
      case "on":
        return wait;
      case "after":
        return { kind: "after", dueMs: dueMs.next().value ?? 0 };
      case "tell":
        return { kind: "tell", commandId: commandIdOf(run, at) };
      case "race":
        return {
          kind: "race",
          waits: wait.waits.map(([name, inner], index) => [name, build(inner, `${at}.${index}`)]),
        };
      default:
        return wait satisfies never;
    }
  };
  return build(request, place);
}

/** The same at each replay, and for no other command ever. `run` is the run's full id. */
export const commandIdOf = (run: string, place: string): string => `${run}/${place}`;

/** What ends the wait, if the stimulus does. The first that is listed wins. Throws what a rule's `matches` throws. */
export function ended(pending: Pending, stimulus: Stimulus): Recorded | undefined {
  const { event, answer, nowMs } = stimulus;
  switch (pending.kind) {
    case "on": {
      if (event === undefined || event.queued.type !== pending.type.name) return undefined;
      return pending.matches(event.value as never) ? { kind: "event", event: event.queued } : undefined;
    }
    case "after":
      return pending.dueMs <= nowMs ? { kind: "fired" } : undefined;
    case "tell":
      return answer?.commandId === pending.commandId ? answer.answer : undefined;
    case "race":
      for (const [name, wait] of pending.waits) {
        const by = ended(wait, stimulus);
        if (by !== undefined) return { kind: "won", name, by };
      }
      return undefined;
    default:
      return pending satisfies never;
  }
}

/** What a rule gets for a request, from what was recorded; undefined when that is nothing this request can have had. */
export function recall(
  request: { readonly kind: string },
  recorded: Recorded,
): { readonly value: unknown } | undefined {
  const wait = request as WaitRequest;
  switch (recorded.kind) {
    case "value":
      return { value: recorded.value };
    case "event":
      return wait.kind === "on" && wait.type.name === recorded.event.type
        ? { value: wait.type.decode(recorded.event.payload.slice()) }
        : undefined;
    case "fired":
      return wait.kind === "after" ? { value: true } : undefined;
    case "reply":
    case "failed":
      return wait.kind === "tell" ? { value: recorded } : undefined;
    case "won": {
      if (wait.kind !== "race") return undefined;
      const [, winner] = wait.waits.find(([name]) => name === recorded.name) ?? [];
      const result = winner === undefined ? undefined : recall(winner, recorded.by);
      return result === undefined ? undefined : { value: { [recorded.name]: result.value } };
    }
    default:
      return recorded satisfies never;
  }
}

/** The event in a result, if there is one. */
export function eventIn(recorded: Recorded): QueuedEvent | undefined {
  if (recorded.kind === "won") return eventIn(recorded.by);
  return recorded.kind === "event" ? recorded.event : undefined;
}
