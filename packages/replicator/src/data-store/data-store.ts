import type { CallOutcome } from "@halon/replicated-log";
import type { Cancel } from "@halon/runtime";
import type { Replicator, UpdateOptions } from "../replicator.ts";
import type { AnswerOf, ArgsOf, Commands, Projections, StateDefinition } from "./define-state.ts";
import { newsOf } from "./news.ts";
import { type CallErrorCode, decodeAnswer, encodeCall } from "./state-machine.ts";
import { PREFIX } from "./state-view.ts";

/**
 * - those of {@link CallErrorCode}: not done, and why.
 * - `too-large`: arguments or answer: not done.
 * - `full`: too many calls wait here: not sent. Wait for one of them.
 * - `unknown`: may have been done: the members have forgotten this client.
 * - `cancelled`: not waited for any more: may have been done, or be done yet.
 * - `not-watched`: members were told to keep nothing of these keys for watchers.
 */
export type DataStoreErrorCode = CallErrorCode | "too-large" | "full" | "unknown" | "cancelled" | "not-watched";

export class DataStoreError extends Error {
  override readonly name = "DataStoreError";
  readonly code: DataStoreErrorCode;

  constructor(code: DataStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A state as of one decree: what to watch from. */
export interface Read<Answer> {
  readonly state: Answer;
  readonly index: number;
}

export interface CallOptions {
  /** Ends the waiting, and not the call. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** Takes what any member has: of the past, perhaps, and answered without a majority too. */
  readonly stale?: boolean;
}

/** No arguments to give for what takes none. */
type Rest<Function, Options> =
  unknown extends ArgsOf<Function>
    ? [args?: undefined, options?: Options]
    : [args: ArgsOf<Function>, options?: Options];

/** One key as one decree left it; without a value it is gone. */
export interface TypedChange<Value> {
  readonly index: number;
  readonly key: string;
  readonly value: Value | undefined;
}

/** As `WatchNews`: all changes up to `index`, or the end of the watch: read the state and watch from what was read. */
export type TypedNews<Value> =
  | { readonly kind: "changes"; readonly index: number; readonly changes: readonly TypedChange<Value>[] }
  | { readonly kind: "resync"; readonly index: number };

/** A replicated state as its definition says it: typed, over any {@link Replicator}. What fails throws {@link DataStoreError}. */
export class DataStore<Value, Command extends Commands<Value>, Projection extends Projections<Value>> {
  readonly #definition: StateDefinition<Value, Command, Projection>;
  readonly #replicator: Replicator;

  constructor(definition: StateDefinition<Value, Command, Projection>, replicator: Replicator) {
    this.#definition = definition;
    this.#replicator = replicator;
  }

  /** What a projection shows; linearizable unless `stale`. */
  async getState<Name extends keyof Projection & string>(
    projection: Name,
    ...[args, { signal, stale = false } = {}]: Rest<Projection[Name], ReadOptions>
  ): Promise<Read<AnswerOf<Projection[Name]>>> {
    const payload = this.#encode(projection, args);
    const replicator = this.#replicator;
    const { index = 0, answer } = await call(signal, (done) =>
      stale ? replicator.queryStale(payload, done) : replicator.query(payload, done),
    );
    return { state: answer as AnswerOf<Projection[Name]>, index };
  }

  /** Changes the state by a command, and returns what it answers. Done once, unless `idempotent`. */
  async updateStateWith<Name extends keyof Command & string>(
    command: Name,
    ...[args, { signal, ...options } = {}]: Rest<Command[Name], CallOptions & UpdateOptions>
  ): Promise<AnswerOf<Command[Name]>> {
    const payload = this.#encode(command, args);
    const { answer } = await call(signal, (done) => this.#replicator.update(payload, options, done));
    return answer as AnswerOf<Command[Name]>;
  }

  /**
   * All that is changed behind decree `after`, as the loop comes for it. Behind a `resync` it is over: what was changed is not known
   * any more, because the loop was too slow, or began too late, or members have lost it.
   */
  async *watch(
    after: number,
    { prefix = "", signal }: { readonly prefix?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<TypedNews<Value>, void, undefined> {
    const { values } = this.#definition;
    for await (const news of newsOf(this.#replicator, { after, prefix: PREFIX + prefix }, signal)) {
      if (news.kind === "refused") throw new DataStoreError("not-watched", news.message);
      if (news.kind === "resync") yield news;
      else
        yield {
          kind: "changes",
          index: news.upTo,
          changes: news.changes.map(({ index, key, value }) => ({
            index,
            key: key.slice(PREFIX.length),
            value: value && values.decode(value),
          })),
        };
    }
  }

  #encode(name: keyof (Command & Projection) & string, args: unknown): Uint8Array {
    const check = this.#definition.checks?.[name];
    try {
      check?.(args);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DataStoreError("malformed", `arguments of ${name}: ${why}`, { cause });
    }
    return encodeCall(name, args);
  }
}

/** Waits for the outcome of a call, and for no longer than `signal` says. */
function call(
  signal: AbortSignal | undefined,
  start: (done: (outcome: CallOutcome) => void) => Cancel,
): Promise<{ readonly index?: number; readonly answer?: unknown }> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      cancel();
      reject(new DataStoreError("cancelled", "not waited for any more: it may have been done, or be done yet"));
    };
    let cancel: Cancel = () => undefined;
    if (signal?.aborted === true) return leave();
    signal?.addEventListener("abort", leave, { once: true });
    cancel = start((outcome) => {
      signal?.removeEventListener("abort", leave);
      try {
        resolve(read(outcome));
      } catch (error) {
        reject(error as DataStoreError);
      }
    });
  });
}

function read(outcome: CallOutcome): { readonly index?: number; readonly answer?: unknown } {
  if (outcome.kind === "full") throw new DataStoreError("full", "too many calls wait here: wait for one of them");
  if (outcome.kind === "refused") {
    const code = outcome.code === "too-large" ? "too-large" : "unknown";
    throw new DataStoreError(code, outcome.message);
  }
  const answer = decodeAnswer(outcome.result);
  if (answer === undefined) throw new DataStoreError("failed", "the members' answer means nothing: what do they run?");
  if ("error" in answer) throw new DataStoreError(answer.error.code, answer.error.message);
  return answer;
}
