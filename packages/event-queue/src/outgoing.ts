import type { Event, EventGroup } from "@halon/proto";
import { GROUP_EVENTS_MAX, packed } from "./event-group.ts";
import { LANES, type LaneNumber } from "./priority.ts";
import { WINDOW } from "./producers.ts";

/** An event on its way. */
export interface Waiting {
  readonly token: number;
  readonly type: string;
  readonly payload: Uint8Array;
  readonly mergeKey: string | undefined;
  readonly priority: number;
  readonly lane: LaneNumber;
  /** Given when it is first sent, and kept; 0 until then. */
  seq: number;
  attempts: number;
  /** When it was sent last. */
  sentMs: number;
}

/** Events of one command, about, and bytes of it. */
const BATCH_EVENTS_MAX = 4_096;
const BATCH_BYTES_MAX = 128 * 1024;
/** Of an event besides its payload, about. */
const EVENT_BYTES = 24;
const GROUP_BYTES = 160;

/** What a producer holds: events in order of their lanes, numbered when they are first sent. */
export class Outgoing {
  readonly #producer: string;
  #incarnation: string;
  /** Not numbered yet, by lane. */
  #fresh: Waiting[][] = LANES.map(() => []);
  #freshCount = 0;
  #freshBytes = 0;
  /** Numbered, and to be sent again, rising. */
  #again: Waiting[] = [];
  /** Without an answer, by number, rising. */
  readonly #numbered = new Map<number, Waiting>();
  #nextSeq = 1;
  #bytes = 0;

  constructor(producer: string, incarnation: string) {
    this.#producer = producer;
    this.#incarnation = incarnation;
  }

  get incarnation(): string {
    return this.#incarnation;
  }

  /** Events without an answer. */
  get count(): number {
    return this.#freshCount + this.#numbered.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get freshCount(): number {
    return this.#freshCount;
  }

  get freshBytes(): number {
    return this.#freshBytes;
  }

  /** Whether something is to be sent. */
  get hasWork(): boolean {
    return this.#again.length > 0 || this.#freshCount > 0;
  }

  /** Whether something is to be sent that is urgent, or late. */
  get isPressing(): boolean {
    return this.#again.length > 0 || (this.#fresh[0]?.length ?? 0) > 0;
  }

  push(waiting: Waiting): void {
    this.#fresh[waiting.lane - 1]?.push(waiting);
    this.#freshCount++;
    this.#freshBytes += waiting.payload.byteLength;
    this.#bytes += waiting.payload.byteLength;
  }

  /** They had no answer that ends them. */
  again(events: readonly Waiting[]): void {
    this.#again = [...this.#again, ...events].sort((a, b) => a.seq - b.seq);
  }

  /** One that has its answer. */
  remove(waiting: Waiting): void {
    this.#numbered.delete(waiting.seq);
    this.#bytes -= waiting.payload.byteLength;
  }

  /** `of` the event that is to be sent first. */
  first<Result>(of: (waiting: Waiting) => Result): Result | undefined {
    for (const lane of LANES) {
      const next = this.#again.find((each) => each.lane === lane) ?? this.#fresh[lane - 1]?.[0];
      if (next !== undefined && (next.seq > 0 || this.#mayNumber)) return of(next);
    }
    return undefined;
  }

  /** Events to be sent together, of those that `fits`: in order of their lanes, at most `countMax`. */
  take(countMax: number, nowMs: number, fits: (waiting: Waiting) => boolean): readonly Waiting[] {
    const batch: Waiting[] = [];
    let bytes = 0;
    const mayTake = (each: Waiting): boolean => {
      if (!fits(each)) return false;
      const last = batch.at(-1);
      const isNewGroup = last === undefined || last.type !== each.type || last.lane !== each.lane;
      const more = each.payload.byteLength + EVENT_BYTES + (isNewGroup ? GROUP_BYTES : 0);
      if (batch.length >= Math.min(countMax, BATCH_EVENTS_MAX)) return false;
      if (batch.length > 0 && bytes + more > BATCH_BYTES_MAX) return false;
      bytes += more;
      batch.push(each);
      each.attempts++;
      each.sentMs = nowMs;
      return true;
    };
    for (const lane of LANES) {
      if (this.#again.length > 0) this.#again = this.#again.filter((each) => each.lane !== lane || !mayTake(each));
      this.#takeFresh(lane, mayTake);
    }
    return batch;
  }

  /** The batch as it goes into the queue: neighbours of one type and lane, numbered one after the other, are a group. */
  groupsOf(batch: readonly Waiting[]): readonly EventGroup[] {
    const groups: EventGroup[] = [];
    const lowest = this.#lowest;
    for (let at = 0; at < batch.length; ) {
      const first = batch[at] as Waiting;
      let end = at + 1;
      for (let next = batch[end]; next !== undefined && isNext(first, next, end - at); next = batch[end]) end++;
      groups.push({
        producer: this.#producer,
        incarnation: this.#incarnation,
        first: first.seq,
        lowest,
        priority: first.priority,
        type: first.type,
        ...packed(batch.slice(at, end).map(({ payload }) => payload)),
        traceparent: "",
        registered: true,
      });
      at = end;
    }
    return groups;
  }

  eventsOf(batch: readonly Waiting[]): readonly Event[] {
    const lowest = this.#lowest;
    return batch.map(({ seq, type, payload, priority }) => {
      const id = { producer: this.#producer, incarnation: this.#incarnation, seq };
      return { id, type, payload, traceparent: "", lowest, priority, registered: true };
    });
  }

  /** Goes on under another incarnation: with what has no number, and first with what `isSure`. Returns all other. */
  renew(incarnation: string, isSure: (waiting: Waiting) => boolean): readonly Waiting[] {
    const numbered = [...this.#numbered.values()];
    this.#incarnation = incarnation;
    this.#again = [];
    this.#numbered.clear();
    this.#nextSeq = 1;
    const sure = numbered.filter(isSure);
    this.#fresh = LANES.map((lane) => [
      ...sure.filter((each) => each.lane === lane),
      ...(this.#fresh[lane - 1] as Waiting[]),
    ]);
    for (const each of numbered) this.#bytes -= each.payload.byteLength;
    for (const each of sure) {
      each.seq = 0;
      each.attempts = 0;
      this.#freshCount++;
      this.#freshBytes += each.payload.byteLength;
      this.#bytes += each.payload.byteLength;
    }
    return numbered.filter((each) => !sure.includes(each));
  }

  get #lowest(): number {
    for (const seq of this.#numbered.keys()) return seq;
    return this.#nextSeq;
  }

  get #mayNumber(): boolean {
    return this.#nextSeq < this.#lowest + WINDOW;
  }

  #takeFresh(lane: LaneNumber, mayTake: (waiting: Waiting) => boolean): void {
    const fresh = this.#fresh[lane - 1] as Waiting[];
    const left: Waiting[] = [];
    let at = 0;
    for (; at < fresh.length; at++) {
      const each = fresh[at] as Waiting;
      if (!this.#mayNumber) break;
      if (!mayTake(each)) {
        // Where all go one way the first that has no place is the last that is looked at.
        if (each.mergeKey === undefined) break;
        left.push(each);
        continue;
      }
      each.seq = this.#nextSeq++;
      this.#numbered.set(each.seq, each);
      this.#freshCount--;
      this.#freshBytes -= each.payload.byteLength;
    }
    if (at > 0) this.#fresh[lane - 1] = [...left, ...fresh.slice(at)];
  }
}

const isNext = (first: Waiting, next: Waiting, at: number): boolean =>
  at < GROUP_EVENTS_MAX && next.type === first.type && next.lane === first.lane && next.seq === first.seq + at;
