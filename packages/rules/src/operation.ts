import type { GraphDraft, GraphView, VertexValue } from "@halon/resource-graph";
import type { EventType } from "./event-type.ts";

export interface CommandOptions {
  /** The service instance that the command is about: its generation guards it. */
  readonly instance?: string;
  /** Id of an earlier command that need not be sent any more. */
  readonly supersedes?: string;
}

/** What is sent to a node. The payload is the coordinator's own matter. */
export interface CommandRequest extends CommandOptions {
  readonly node: string;
  readonly payload: Uint8Array;
}

/** What a wait is for. */
export type WaitRequest =
  | { readonly kind: "on"; readonly type: EventType<unknown>; readonly matches: (event: never) => boolean }
  | { readonly kind: "after"; readonly ms: number }
  | ({ readonly kind: "tell" } & CommandRequest)
  | { readonly kind: "race"; readonly waits: readonly (readonly [name: string, wait: WaitRequest])[] };

/** What a rule asks of the engine by `yield*`. */
export type Request =
  | { readonly kind: "read"; readonly look: (graph: GraphView) => unknown }
  | { readonly kind: "update"; readonly change: (draft: GraphDraft) => unknown }
  | ({ readonly kind: "send" } & CommandRequest)
  | { readonly kind: "decide"; readonly outcome: string; readonly facts: VertexValue }
  | { readonly kind: "now" }
  | { readonly kind: "random" }
  | { readonly kind: "variable"; readonly name: string; readonly fallback: boolean | number | string }
  | WaitRequest;

/** A request that nobody has made yet: `yield*` makes it and gives its result. */
export class Operation<Result> {
  readonly request: Request;

  constructor(request: Request) {
    this.request = request;
  }

  *[Symbol.iterator](): Generator<Request, Result, unknown> {
    // The engine answers each request with what its kind promises.
    return (yield this.request) as Result;
  }
}

/** An operation that may take its time, and may race against others. It ends a step. */
export class Wait<Result> extends Operation<Result> {
  declare readonly request: WaitRequest;

  constructor(request: WaitRequest) {
    super(request);
  }
}

/** What came back for a command. `failed` means unknown, unless `why` says more: it may have been acted upon. */
export type Answer =
  | { readonly kind: "reply"; readonly payload: Uint8Array }
  | { readonly kind: "failed"; readonly why: string };

/** Result of a race: the winner's result under its name, nothing else. */
export type Won<Waits extends Readonly<Record<string, Wait<unknown>>>> = {
  readonly [Name in keyof Waits]?: Waits[Name] extends Wait<infer Result> ? Result : never;
};

const KINDS: ReadonlySet<unknown> = new Set<Request["kind"]>([
  "read",
  "update",
  "send",
  "decide",
  "now",
  "random",
  "variable",
  "on",
  "after",
  "tell",
  "race",
]);

/** Whether a rule yielded a request, and not by a bare `yield` something else. */
export const isRequest = (value: unknown): value is Request =>
  typeof value === "object" && value !== null && KINDS.has((value as { kind?: unknown }).kind);

export const isWait = (request: Request): request is WaitRequest =>
  request.kind === "on" || request.kind === "after" || request.kind === "tell" || request.kind === "race";
