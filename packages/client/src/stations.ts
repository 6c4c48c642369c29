import type { EqTracker } from "@halon/eq-tracker";
import { type Post, type QueryBody, type QueryReply, subjectsOf } from "@halon/proto";
import { POSITION_KEY, readState } from "@halon/replicated-log";
import type { LogReplicator } from "@halon/replicator";
import { type Cancel, type Clock, fraction, type Random } from "@halon/runtime";
import { ClientError } from "./client-error.ts";

export interface StationsPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly tracker: EqTracker;
  readonly replicator: LogReplicator;
}

/** Questions under way in one process; a further one is refused. */
export const QUESTIONS_MAX = 256;
/** A station that has not applied enough may wait for that this long, and a little for the way. */
const QUESTION_MS = 6_000;
const AGAIN_MS_MIN = 50;
const AGAIN_MS_MAX = 1_000;

/** Asks the stations, one after the other until one answers, for as long as it takes. */
export class Stations {
  readonly #ports: StationsPorts;
  readonly #ends = new Set<() => void>();
  /** Of the station asked last: it is asked next, too. */
  #place: number;

  constructor(ports: StationsPorts) {
    this.#ports = ports;
    this.#place = Math.floor(fraction(ports.random) * 1_024);
  }

  /**
   * An answer from a state that is at least that of decree `minApplied`; `done` once, unless cancelled or stopped. Throws `full`.
   */
  ask(minApplied: number, body: QueryBody, done: (reply: QueryReply) => void): Cancel {
    if (this.#ends.size >= QUESTIONS_MAX)
      throw new ClientError("full", `${QUESTIONS_MAX} questions are under way: wait for one of them`);
    const { clock, post, tracker } = this.#ports;
    let [failures, cancel]: [number, Cancel] = [0, () => undefined];
    const end = (): void => {
      cancel();
      this.#ends.delete(end);
    };
    const again = (): void => {
      this.#place++;
      tracker.refresh();
      const spanMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** Math.min(failures++, 10));
      cancel = clock.at(clock.nowMs() + spanMs, tryOne);
    };
    const tryOne = (): void => {
      const { stations } = tracker.directory;
      const station = stations[this.#place % Math.max(1, stations.length)];
      if (station === undefined) return again();
      const subject = subjectsOf(post.cluster).stationQuery(station);
      const query = { kind: "query", value: { minApplied, body } } as const;
      cancel = post.request(subject, query, "queryReply", QUESTION_MS, (outcome) => {
        const reply = outcome.kind === "reply" ? outcome.value : undefined;
        if (reply?.body === undefined || reply.body.kind === "refused") return again();
        end();
        done(reply);
      });
    };
    this.#ends.add(end);
    tryOne();
    return end;
  }

  /** Number of a decree: all that was answered before this call was decided by then. `undefined`: too many calls wait. */
  freshIndex(done: (index: number | undefined) => void): Cancel {
    const payload = new TextEncoder().encode(POSITION_KEY);
    return this.#ports.replicator.query(payload, (outcome) => {
      if (outcome.kind !== "result") return done(undefined);
      const value = outcome.result.byteLength === 0 ? undefined : outcome.result;
      done(readState({ get: (key) => (key === POSITION_KEY ? value : undefined) }).applied);
    });
  }

  /** Nobody is answered any more. */
  stop(): void {
    for (const end of this.#ends) end();
  }
}
