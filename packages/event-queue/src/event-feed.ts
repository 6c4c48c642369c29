import { formatEventId, type LanePiece } from "@halon/proto";
import { assert } from "@halon/runtime";
import { payloadsOf } from "./event-group.ts";
import { LANES, type LaneNumber } from "./priority.ts";

/** A question for what of a lane stands behind a position; to be answered by {@link EventFeed.onAnswer}. */
export interface FeedAsk {
  readonly ask: number;
  readonly lane: LaneNumber;
  readonly after: number;
  /** Whether an empty answer may wait for an event. */
  readonly mayWait: boolean;
}

/** An event as the coordinator gets it. */
export interface FedEvent {
  readonly lane: LaneNumber;
  readonly position: number;
  readonly logTimeMs: number;
  readonly id: string;
  readonly type: string;
  /** A view on what came from the station. */
  readonly payload: Uint8Array;
}

/** Events and bytes of one lane that wait here; no more are asked for meanwhile. One answer may go above. */
export const LANE_EVENTS_MAX = 32_768;
export const LANE_BYTES_MAX = 8 * 1024 * 1024;
/** After a question without an answer. */
export const ASK_AGAIN_MS = 100;
/**
 * Whose turn it is, of each 16 events when all lanes have some: 12 are urgent, 3 normal, 1 bulk. A turn of a lane that has
 * none is the highest lane's.
 */
const TURNS: readonly LaneNumber[] = [1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 3];

/** A group that has come, and how far it has been handed out. */
class Arrived {
  readonly #piece: LanePiece;
  readonly #lane: LaneNumber;
  readonly #payloads: readonly Uint8Array[];
  readonly bytes: number;
  #at: number;

  /** Of it only what stands behind `after`. */
  constructor(piece: LanePiece, lane: LaneNumber, after: number) {
    const { position = 0, group } = piece.stored ?? {};
    this.#piece = piece;
    this.#lane = lane;
    this.#payloads = group === undefined ? [] : payloadsOf(group);
    this.bytes = group?.payloads.byteLength ?? 0;
    this.#at = Math.max(0, after + 1 - position);
    this.#skip();
  }

  get last(): number {
    return (this.#piece.stored?.position ?? 0) + this.#payloads.length - 1;
  }

  /** Events that were not handed out; those that were consumed earlier may be counted. */
  get left(): number {
    return this.#payloads.length - this.#at;
  }

  /** Position of the next one; undefined when there is none. */
  get head(): number | undefined {
    return this.left === 0 ? undefined : (this.#piece.stored?.position ?? 0) + this.#at;
  }

  take(): FedEvent {
    const at = this.#at++;
    this.#skip();
    const { position = 0, logTimeMs = 0, group } = this.#piece.stored ?? {};
    assert(group !== undefined, `event ${position} has come without its group`);
    const { producer, incarnation, first, type } = group;
    return {
      lane: this.#lane,
      position: position + at,
      logTimeMs,
      type,
      payload: this.#payloads[at] as Uint8Array,
      get id() {
        return formatEventId({ producer, incarnation, seq: first + at });
      },
    };
  }

  #skip(): void {
    const position = this.#piece.stored?.position ?? 0;
    const gone = this.#piece.consumed.find(
      ({ first, last }) => first <= position + this.#at && position + this.#at <= last,
    );
    if (gone !== undefined) this.#at = Math.min(this.#payloads.length, gone.last + 1 - position);
  }
}

interface Lane {
  /** Oldest first; none is empty. */
  readonly arrived: Arrived[];
  /** All up to there have come. */
  after: number;
  /** The question that is open. */
  ask: number | undefined;
  askAtMs: number;
  hasAnswered: boolean;
}

/**
 * The coordinator's side of the queue, for one epoch; part of a core. Hands out every event that is not consumed, each
 * once, in order within its lane: a higher lane goes first, a lower one keeps its share.
 */
export class EventFeed {
  readonly #lanes: readonly Lane[] = LANES.map(() => ({
    arrived: [],
    after: 0,
    ask: undefined,
    askAtMs: 0,
    hasAnswered: false,
  }));
  /** Goes before all others. */
  #first: number | undefined;
  #ask = 0;
  #turn = 0;

  /** `first`: position of an event that is half dealt with; it is handed out before any other, if it is there still. */
  constructor(first?: number) {
    this.#first = first;
  }

  /** Events that have come and were not handed out, about. */
  get waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + eventsOf(lane), 0);
  }

  /** Questions to ask now. */
  asks(nowMs: number): readonly FeedAsk[] {
    const asks: FeedAsk[] = [];
    for (const [at, lane] of this.#lanes.entries()) {
      const bytes = lane.arrived.reduce((sum, each) => sum + each.bytes, 0);
      const isFull = eventsOf(lane) >= LANE_EVENTS_MAX || bytes >= LANE_BYTES_MAX;
      if (lane.ask !== undefined || isFull || nowMs < lane.askAtMs) continue;
      lane.ask = ++this.#ask;
      const mayWait = this.#lanes.every(({ hasAnswered }) => hasAnswered);
      asks.push({ ask: lane.ask, lane: LANES[at] as LaneNumber, after: lane.after, mayWait });
    }
    return asks;
  }

  /** When `asks` is wanted again at the latest, for those that had no answer. */
  askAgainAtMs(nowMs: number): number | undefined {
    const due = this.#lanes.map(({ askAtMs }) => askAtMs).filter((atMs) => atMs > nowMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** What a question came to; `undefined` when there was no answer. */
  onAnswer(ask: number, pieces: readonly LanePiece[] | undefined, nowMs: number): void {
    const at = this.#lanes.findIndex((each) => each.ask === ask);
    const lane = this.#lanes[at];
    if (lane === undefined) return;
    lane.ask = undefined;
    if (pieces === undefined) {
      lane.askAtMs = nowMs + ASK_AGAIN_MS;
      return;
    }
    lane.hasAnswered = true;
    for (const piece of pieces) {
      const arrived = new Arrived(piece, LANES[at] as LaneNumber, lane.after);
      lane.after = Math.max(lane.after, arrived.last);
      if (arrived.head !== undefined) lane.arrived.push(arrived);
    }
  }

  /** The next event; undefined while there is none. */
  next(): FedEvent | undefined {
    if (this.#first !== undefined) {
      const half = this.#lanes.find(({ arrived }) => arrived[0]?.head === this.#first);
      // What comes later cannot be it: all that stood before it in its lane is consumed.
      if (half === undefined && this.#lanes.some(({ hasAnswered }) => !hasAnswered)) return undefined;
      this.#first = undefined;
      if (half !== undefined) return take(half);
    }
    const turn = this.#lanes[(TURNS[this.#turn] as LaneNumber) - 1] as Lane;
    const lane = turn.arrived.length > 0 ? turn : this.#lanes.find(({ arrived }) => arrived.length > 0);
    if (lane === undefined) return undefined;
    this.#turn = (this.#turn + 1) % TURNS.length;
    return take(lane);
  }
}

const eventsOf = ({ arrived }: Lane): number => arrived.reduce((sum, { left }) => sum + left, 0);

function take({ arrived }: Lane): FedEvent {
  const [first] = arrived;
  assert(first !== undefined, "an event is to be taken from a lane that has none");
  const event = first.take();
  if (first.head === undefined) arrived.shift();
  return event;
}
