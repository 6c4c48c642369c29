import type { MemberId } from "@halon/consensus";
import {
  type CallOutcome,
  decodeReply,
  encodeReconfigure,
  encodeSubmit,
  LogClient,
  type LogClientConfig,
  type LogClientInput,
  type LogClientOutput,
  LogCodecError,
  type Reconfigure,
} from "@halon/replicated-log";
import { type Cancel, type Clock, Driver, type DriverOutput, type Random } from "@halon/runtime";
import type { Replicator, UpdateOptions } from "./replicator.ts";
import {
  decodeWatchAnswer,
  encodeWatchRequest,
  type Tell,
  type WatchAnswer,
  WatchCodecError,
  type WatchFrom,
} from "./watch/index.ts";
import { refuseLater, Watchers } from "./watch/watcher.ts";

export interface LogReplicatorPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Sends to one member; `done` gets its answer, or `undefined` when none came within `timeoutMs`. Once, never from within. */
  readonly request: (
    to: MemberId,
    submission: Uint8Array,
    timeoutMs: number,
    done: (reply: Uint8Array | undefined) => void,
  ) => void;
  /** The same for a watcher's questions: what it brings is for `LogMember.watch`. Without it nothing can be watched. */
  readonly watch?: LogReplicatorPorts["request"];
}

/** A {@link Replicator} on a group of {@link LogMember}s, wherever they are. */
export class LogReplicator implements Replicator {
  readonly #ports: LogReplicatorPorts;
  readonly #driver: Driver<LogClientInput, Exclude<LogClientOutput, DriverOutput>>;
  readonly #done = new Map<number, (outcome: CallOutcome) => void>();
  readonly #client: LogClient;
  readonly #watchers: Watchers;
  #token = 0;
  #malformed = 0;

  constructor(config: LogClientConfig, ports: LogReplicatorPorts) {
    this.#ports = ports;
    this.#client = new LogClient(config);
    const { clock, random, watch } = ports;
    this.#watchers = new Watchers(config.members, {
      clock,
      random,
      poll: (to, request, timeoutMs, done) => {
        watch?.(to, encodeWatchRequest(request), timeoutMs, (reply) => done(reply && this.#decodeAnswer(reply)));
      },
    });
    this.#driver = new Driver({ core: this.#client, clock, random, perform: (output) => this.#perform(output) });
  }

  /** Calls without an answer. */
  get waiting(): number {
    return this.#client.waiting;
  }

  /** Replies that could not be read. */
  get malformed(): number {
    return this.#malformed;
  }

  update(payload: Uint8Array, { idempotent = false }: UpdateOptions, done: (outcome: CallOutcome) => void): Cancel {
    return this.#call(idempotent ? "idempotent" : "update", payload, done);
  }

  query(payload: Uint8Array, done: (outcome: CallOutcome) => void): Cancel {
    return this.#call("read", payload, done);
  }

  queryStale(payload: Uint8Array, done: (outcome: CallOutcome) => void): Cancel {
    return this.#call("stale", payload, done);
  }

  watch(from: WatchFrom, tell: Tell): Cancel {
    if (this.#ports.watch !== undefined) return this.#watchers.watch(from, tell);
    return refuseLater(this.#ports.clock, "this client has no way to ask for changes: give it the port `watch`", tell);
  }

  /** Changes who is a member. The result, when there is one, is for `decodeReconfigured`. */
  reconfigure(change: Reconfigure, done: (outcome: CallOutcome) => void): Cancel {
    return this.#call("reconfigure", encodeReconfigure(change), done);
  }

  /** Tells whom to ask, and whom first. To be told of every new leader that the caller learns of. */
  follow(members: readonly MemberId[], leader?: MemberId): void {
    this.#driver.complete({ kind: "members", members, leader });
    this.#watchers.follow(members);
  }

  stop(): void {
    this.#driver.stop();
    this.#watchers.stop();
    this.#done.clear();
  }

  #call(
    command: (LogClientInput & { readonly kind: "call" })["command"],
    payload: Uint8Array,
    done: (outcome: CallOutcome) => void,
  ): Cancel {
    const token = ++this.#token;
    this.#done.set(token, done);
    if (!this.#driver.submit({ kind: "call", token, command, payload })) {
      const { clock } = this.#ports;
      clock.at(clock.nowMs(), () => this.#settle(token, { kind: "full" }));
    }
    return () => {
      if (this.#done.delete(token)) this.#driver.complete({ kind: "cancel", token });
    };
  }

  #settle(token: number, outcome: CallOutcome): void {
    const done = this.#done.get(token);
    this.#done.delete(token);
    done?.(outcome);
  }

  #perform(output: Exclude<LogClientOutput, DriverOutput>): void {
    if (output.kind === "done") return this.#settle(output.token, output.outcome);
    const { request, to, commands, timeoutMs } = output;
    this.#ports.request(to, encodeSubmit(commands), timeoutMs, (reply) => {
      this.#driver.complete({ kind: "answer", request, outcomes: reply && this.#decode(reply) });
    });
  }

  #decodeAnswer(reply: Uint8Array): WatchAnswer | undefined {
    try {
      return decodeWatchAnswer(reply);
    } catch (error) {
      if (!(error instanceof WatchCodecError)) throw error;
      this.#malformed++;
      return undefined;
    }
  }

  #decode(reply: Uint8Array): ReturnType<typeof decodeReply> | undefined {
    try {
      return decodeReply(reply);
    } catch (error) {
      if (!(error instanceof LogCodecError)) throw error;
      this.#malformed++;
      return undefined;
    }
  }
}
