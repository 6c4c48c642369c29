import {
  LANES,
  type LaneNumber,
  laneOf,
  laneOfPriority,
  PRIORITIES,
  type Priority,
  priorityOfLane,
} from "@halon/event-queue";
import {
  type ClearQueue,
  type ClearResult,
  decodeStateResult,
  encodeStateCommand,
  formatEventId,
  type Query,
  type QueryReply,
  type QueueShare,
} from "@halon/proto";
import type { Replicator } from "@halon/replicator";
import { ApiError } from "./api-error.ts";

export interface QueueHandlerPorts {
  /** Asks this station. */
  readonly ask: (query: Query, answer: (reply: QueryReply) => void) => void;
  /** The way to the stations. */
  readonly replicator: Pick<Replicator, "update">;
}

const PEEK_DEFAULT = 100;
const PEEK_MAX = 1_000;
/** Characters of who clears the queue, and why. */
const WORDS_CHARS_MAX = 512;

/** The methods about the event queue; as `Handlers`. */
export class QueueHandlers {
  readonly #ports: QueueHandlerPorts;

  constructor(ports: QueueHandlerPorts) {
    this.#ports = ports;
  }

  async getQueue() {
    const { logTimeMs, body } = await this.#ask({ kind: "queue", value: {} });
    if (body?.kind !== "queue") throw unavailable(body);
    const shareOf = ({ oldestLogTimeMs, ...share }: QueueShare) => ({
      ...share,
      waitedMs: share.oldest === 0 ? 0 : Math.max(0, logTimeMs - oldestLogTimeMs),
    });
    const { priorities, types, ...rest } = body.value;
    return { ...rest, priorities: priorities.map(shareOf), types: types.map(shareOf) };
  }

  async peekEvents({ after, limit }: { readonly after: number; readonly limit: number }) {
    const wanted = Math.min(limit || PEEK_DEFAULT, PEEK_MAX);
    const { body } = await this.#ask({ kind: "events", value: { after, limit: wanted, waitMs: 0 } });
    if (body?.kind !== "events") throw unavailable(body);
    const events = body.value.events.map(({ position, logTimeMs, event }) => {
      const { id, type = "", priority = 0, payload = new Uint8Array(0) } = event ?? {};
      return {
        position,
        logTimeMs,
        id: formatEventId(id),
        type,
        payload,
        priority: priorityOfLane(laneOf(type, priority)),
      };
    });
    return { events };
  }

  /** Up to what is stored now, as far as this station has applied. Once begun it goes on, whatever becomes of the caller. */
  async clearEvents(request: { type: string; priority: string; by: string; why: string }) {
    const { type, priority, by, why } = request;
    for (const [name, words] of Object.entries({ by, why }))
      if (words === "" || words.length > WORDS_CHARS_MAX)
        throw new ApiError(
          "INVALID_ARGUMENT",
          `${name}: say it in 1 to ${WORDS_CHARS_MAX} characters, for the decision log`,
        );
    const asked = priorityNamed(priority);
    const lanes: readonly LaneNumber[] = asked === undefined ? LANES : [laneOfPriority(asked)];
    const { last: through } = await this.getQueue();
    let cleared = 0;
    for (const lane of lanes)
      for (let from = 0, isDone = false; !isDone; ) {
        const result = await this.#clear({ from, through, type, priority: lane, by, why });
        cleared += result.cleared;
        from = result.next;
        isDone = from === 0;
      }
    return { cleared, through };
  }

  #ask(body: Query["body"] & object): Promise<QueryReply> {
    return new Promise((resolve) => this.#ports.ask({ minApplied: 0, body }, resolve));
  }

  #clear(value: ClearQueue): Promise<ClearResult> {
    const command = encodeStateCommand({ kind: "clearQueue", value });
    return new Promise((resolve, reject) =>
      this.#ports.replicator.update(command, { idempotent: true }, (outcome) => {
        if (outcome.kind === "full")
          return reject(new ApiError("RESOURCE_EXHAUSTED", "too much waits here: try again"));
        if (outcome.kind === "refused") return reject(new ApiError("UNAVAILABLE", outcome.message));
        const result = decodeStateResult(outcome.result);
        if (result.kind === "clear") resolve(result.value);
        else reject(new ApiError("UNAVAILABLE", `the stations answer ${result.kind}: are all of this version?`));
      }),
    );
  }
}

const unavailable = (body: QueryReply["body"]): ApiError =>
  new ApiError(
    "UNAVAILABLE",
    body?.kind === "refused" ? body.value : "this station tells nothing of its queue: ask another",
  );

/** `undefined` for none. */
export function priorityNamed(name: string): Priority | undefined {
  const found = PRIORITIES.find((each) => each === name);
  if (name !== "" && found === undefined)
    throw new ApiError("INVALID_ARGUMENT", `priority ${JSON.stringify(name)}: use ${PRIORITIES.join(", ")}`);
  return found;
}
