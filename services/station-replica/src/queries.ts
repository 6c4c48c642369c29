import { eventsAfter, LANES, laneAfter, newestByLane, queuedCount, queueStatus } from "@halon/event-queue";
import {
  EntryPacker,
  type Page,
  type PageEntry,
  type PageQuery,
  type Query,
  type QueryBody,
  type QueryReplyBody,
  type StationStatus,
} from "@halon/proto";
import type { LogMember } from "@halon/replicator";
import type { Cancel, Clock, Store } from "@halon/runtime";
import { readLease } from "./coordinator-state.ts";

/** Queries that may wait for events or for the log to go on; a further one is refused. */
export const WAITING_MAX = 256;
/** Longest that a query waits. */
export const WAIT_MS_MAX = 5_000;
const PAGE_ENTRIES_MAX = 2_048;
/** Entries read from the store at a time. */
const PIECE_ENTRIES = 64;
/** The same where entries are small. */
const PIECE_SMALL_ENTRIES = 256;
const PACKED_ENTRIES_MAX = 8_192;
const PAGE_BYTES_MAX = 512 * 1024;
/** Of a packed page with what stands between its entries. */
const PACKED_BYTES_EXPECTED = PAGE_BYTES_MAX + 64 * 1024;
const EVENTS_MAX = 1_024;

type Answer = (reply: { applied: number; logTimeMs: number; body: QueryReplyBody }) => void;

interface Waiting {
  readonly query: Query;
  readonly answer: Answer;
  readonly cancel: Cancel;
}

export interface QueriesPorts {
  readonly clock: Clock;
  readonly store: Store;
  readonly member: Pick<LogMember, "position">;
  readonly status: () => Omit<StationStatus, "lease" | "eventsQueued">;
}

/** Answers queries from what this station has applied; those that ask for more wait, a bounded time. */
export class Queries {
  readonly #ports: QueriesPorts;
  readonly #waiting = new Set<Waiting>();

  constructor(ports: QueriesPorts) {
    this.#ports = ports;
  }

  ask(query: Query, answer: Answer): void {
    const body = this.#tryAnswer(query);
    if (body !== undefined) return this.#reply(answer, body);
    if (this.#waiting.size >= WAITING_MAX)
      return this.#reply(answer, { kind: "refused", value: `${WAITING_MAX} queries wait here: ask another station` });
    const { clock } = this.#ports;
    const asked = isForEvents(query.body) ? query.body.value.waitMs : WAIT_MS_MAX;
    const cancel = clock.at(clock.nowMs() + Math.min(asked, WAIT_MS_MAX), () => {
      this.#waiting.delete(waiting);
      this.#reply(answer, this.#tooLate(query));
    });
    const waiting: Waiting = { query, answer, cancel };
    this.#waiting.add(waiting);
  }

  /** Something was applied: whoever waited for it gets it. */
  onApplied(): void {
    if (this.#waiting.size === 0) return;
    const newest = newestByLane(this.#ports.store);
    for (const waiting of this.#waiting) {
      if (!mayBeAnswered(waiting.query, newest)) continue;
      const body = this.#tryAnswer(waiting.query);
      if (body === undefined) continue;
      this.#waiting.delete(waiting);
      waiting.cancel();
      this.#reply(waiting.answer, body);
    }
  }

  /** Nobody who waits is answered any more. */
  stop(): void {
    for (const { cancel } of this.#waiting) cancel();
    this.#waiting.clear();
  }

  #reply(answer: Answer, body: QueryReplyBody): void {
    const { applied, logTimeMs } = this.#ports.member.position;
    answer({ applied, logTimeMs, body });
  }

  #tooLate({ body, minApplied }: Query): QueryReplyBody {
    const { applied, phase } = this.#ports.member.position;
    if (phase !== "serving") return { kind: "refused", value: "the state here is being replaced: ask another station" };
    if (body?.kind === "events" && applied >= minApplied) return { kind: "events", value: { events: [] } };
    if (body?.kind === "lane" && applied >= minApplied) return { kind: "lane", value: { pieces: [] } };
    return { kind: "refused", value: `decree ${minApplied} is not applied here yet: ask again, or another station` };
  }

  /** `undefined`: not yet. */
  #tryAnswer({ body, minApplied }: Query): QueryReplyBody | undefined {
    if (body === undefined) return { kind: "refused", value: "a query of a kind that this version does not know" };
    const { applied, phase } = this.#ports.member.position;
    // While it is being replaced the state is that of no decree.
    if (body.kind !== "status" && (phase !== "serving" || applied < minApplied)) return undefined;
    return this.#answerNow(body);
  }

  #answerNow(body: QueryBody): QueryReplyBody | undefined {
    const { store, status } = this.#ports;
    switch (body.kind) {
      case "page":
        return { kind: "page", value: pageOf(store, body.value) };
      case "events": {
        const limit = Math.max(1, Math.min(body.value.limit, EVENTS_MAX));
        const events = eventsAfter(store, body.value.after, limit);
        return events.length === 0 && body.value.waitMs > 0 ? undefined : { kind: "events", value: { events } };
      }
      case "lane": {
        const lane = LANES.find((each) => each === body.value.priority);
        if (lane === undefined) return { kind: "refused", value: `there is no priority ${body.value.priority}` };
        const pieces = laneAfter(store, lane, body.value.after);
        return pieces.length === 0 && body.value.waitMs > 0 ? undefined : { kind: "lane", value: { pieces } };
      }
      case "queue":
        return { kind: "queue", value: queueStatus(store) };
      case "lease":
        return { kind: "lease", value: readLease(store) };
      case "status":
        return { kind: "status", value: { ...status(), lease: readLease(store), eventsQueued: queuedCount(store) } };
      default:
        return body satisfies never;
    }
  }
}

const isForEvents = (body: QueryBody | undefined): body is QueryBody & { readonly kind: "events" | "lane" } =>
  body?.kind === "events" || body?.kind === "lane";

/** Whether it is worth looking: most of what is applied brings nothing for those who wait for events of one lane. */
function mayBeAnswered({ body }: Query, newest: readonly number[]): boolean {
  if (body?.kind === "lane") return (newest[body.value.priority - 1] ?? 0) > body.value.after;
  return body?.kind !== "events" || Math.max(...newest) > body.value.after;
}

function pageOf(store: Store, query: PageQuery): Page {
  if (query.packed === true) return packedPageOf(store, query);
  const { from, to, limit } = query;
  const wanted = Math.max(1, Math.min(limit || PAGE_ENTRIES_MAX, PAGE_ENTRIES_MAX));
  const entries: PageEntry[] = [];
  let bytes = 0;
  // By pieces: a whole page of the largest values would be half a gigabyte.
  for (let next = from; ; ) {
    const piece = store.range({ from: next, to, limit: PIECE_ENTRIES });
    for (const [key, value] of piece) {
      bytes += key.length + value.byteLength;
      if (entries.length === wanted || (entries.length > 0 && bytes > PAGE_BYTES_MAX))
        return { entries, more: true, next: key };
      entries.push({ key, value });
    }
    if (piece.length < PIECE_ENTRIES) return { entries, more: false };
    next = `${entries.at(-1)?.key} `;
  }
}

function packedPageOf(store: Store, query: PageQuery): Page {
  const wanted = Math.max(1, Math.min(query.limit || PACKED_ENTRIES_MAX, PACKED_ENTRIES_MAX));
  return scannedPageOf(store, query, wanted) ?? rangedPageOf(store, query, wanted);
}

/** `undefined`: the store is to be read by ranges. */
function scannedPageOf(store: Store, { from, to }: PageQuery, wanted: number): Page | undefined {
  const packer = new EntryPacker(PACKED_BYTES_EXPECTED);
  let count = 0;
  let next: string | undefined;
  const isScanned = store.scan?.({ from, to }, (keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
    const bytes = packer.bytesCount + keyTo - keyFrom + valueTo - valueFrom;
    if (count === wanted || (count > 0 && bytes > PAGE_BYTES_MAX)) {
      next = keys.toString("latin1", keyFrom, keyTo);
      return false;
    }
    packer.addFrom(keys, keyFrom, keyTo, values, valueFrom, valueTo);
    count++;
    return true;
  });
  if (isScanned !== true) return undefined;
  const packed = packer.finish();
  return { entries: [], more: next !== undefined, packed, ...(next !== undefined && { next }) };
}

function rangedPageOf(store: Store, { from, to }: PageQuery, wanted: number): Page {
  const packer = new EntryPacker();
  let count = 0;
  for (let next = from, pieceMax = PIECE_ENTRIES; ; ) {
    const piece = store.range({ from: next, to, limit: pieceMax });
    for (const [key, value] of piece) {
      if (count === wanted || (count > 0 && packer.bytesCount + key.length + value.byteLength > PAGE_BYTES_MAX))
        return { entries: [], more: true, packed: packer.finish(), next: key };
      packer.add(key, value);
      count++;
    }
    const last = piece.at(-1);
    if (last === undefined || piece.length < pieceMax) return { entries: [], more: false, packed: packer.finish() };
    next = `${last[0]} `;
    // Where entries have been small so far, more of them are read at a time.
    const fitting = ((PAGE_BYTES_MAX - packer.bytesCount) * count) / packer.bytesCount;
    pieceMax = Math.max(PIECE_ENTRIES, Math.min(PIECE_SMALL_ENTRIES, Math.ceil(fitting)));
  }
}
