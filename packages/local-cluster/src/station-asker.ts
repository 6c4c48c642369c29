import {
  type Decision,
  decodeDecision,
  type Lease,
  type Post,
  ProtoError,
  type QueryBody,
  type QueryReply,
  type StationStatus,
  subjectsOf,
} from "@halon/proto";
import { type GraphPicture, pictureOf } from "./graph-view.ts";

/** A station that has not answered by then is taken as absent, for this once. */
const ASK_TIMEOUT_MS = 1_000;
const PAGE_LIMIT = 2_048;
/** Pages of one reading; more is not shown. */
const PAGES_MAX = 64;

/** What a station said of itself. */
export interface StationAnswer {
  readonly applied: number;
  readonly logTimeMs: number;
  readonly status: StationStatus;
}

/** Asks stations for what they have applied. Nothing is ever retried here: whoever asks asks again. */
export class StationAsker {
  readonly #post: Post;

  constructor(post: Post) {
    this.#post = post;
  }

  /** `undefined`: no answer, or a refusal. */
  ask(station: string, body: QueryBody, minApplied = 0, timeoutMs = ASK_TIMEOUT_MS): Promise<QueryReply | undefined> {
    const subject = subjectsOf(this.#post.cluster).stationQuery(station);
    const query = { kind: "query", value: { minApplied, body } } as const;
    return new Promise((resolve) => {
      this.#post.request(subject, query, "queryReply", timeoutMs, (outcome) => {
        const isAnswer = outcome.kind === "reply" && outcome.value.body?.kind !== "refused";
        resolve(isAnswer ? outcome.value : undefined);
      });
    });
  }

  async status(station: string): Promise<StationAnswer | undefined> {
    const reply = await this.ask(station, { kind: "status", value: {} });
    if (reply?.body?.kind !== "status") return undefined;
    return { applied: reply.applied, logTimeMs: reply.logTimeMs, status: reply.body.value };
  }

  async lease(station: string): Promise<Lease | undefined> {
    const reply = await this.ask(station, { kind: "lease", value: {} });
    return reply?.body?.kind === "lease" ? reply.body.value : undefined;
  }

  async graph(station: string): Promise<GraphPicture | undefined> {
    const entries = await this.#entries(station, "g/", "g0");
    return entries && pictureOf(entries.map(([key, value]) => [key.slice("g/".length), value]));
  }

  /** Decisions that have been kept, oldest first. */
  async decisions(station: string): Promise<readonly Decision[] | undefined> {
    const entries = await this.#entries(station, "d/", "d0");
    return entries?.flatMap(([, value]) => {
      try {
        return [decodeDecision(value)];
      } catch (error) {
        if (error instanceof ProtoError) return [];
        throw error;
      }
    });
  }

  /** True while that producer's event waits to be consumed; `undefined` when the station does not say, or is not as far. */
  async isQueued(station: string, incarnation: string, seq: number, minApplied: number): Promise<boolean | undefined> {
    const reply = await this.ask(station, { kind: "events", value: { after: 0, limit: 1_024, waitMs: 0 } }, minApplied);
    if (reply?.body?.kind !== "events") return undefined;
    return reply.body.value.events.some(({ event }) => event?.id?.incarnation === incarnation && event.id.seq === seq);
  }

  async #entries(station: string, from: string, to: string): Promise<(readonly [string, Uint8Array])[] | undefined> {
    const all: (readonly [string, Uint8Array])[] = [];
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const last = all.at(-1)?.[0];
      const next = last === undefined ? from : `${last} `;
      const reply = await this.ask(station, { kind: "page", value: { from: next, to, limit: PAGE_LIMIT } });
      if (reply?.body?.kind !== "page") return undefined;
      const { entries, more } = reply.body.value;
      for (const { key, value } of entries) all.push([key, value]);
      if (!more) break;
    }
    return all;
  }
}
