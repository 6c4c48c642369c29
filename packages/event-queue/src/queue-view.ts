import type { Event, LanePiece, QueuedEvent, QueueShare, QueueStatus } from "@halon/proto";
import type { View } from "@halon/replicated-log";
import { payloadsOf } from "./event-group.ts";
import { LANES, type LaneNumber, priorityOfLane } from "./priority.ts";
import { producerCount } from "./producers.ts";
import { type Amount, countsOf, readJson, TYPE_END, TYPE_PREFIX } from "./queue-counts.ts";
import { consumedRanges, groupsFrom, type Standing } from "./queue-keys.ts";
import { decodePosition, LAST_POSITION_KEY } from "./queue-state.ts";
import { endFrom } from "./spans.ts";

/** Bytes of events given out at a time. */
const PAGE_BYTES_MAX = 384 * 1024;
/** The same for a coordinator, which asks again as soon as it has an answer, however long that took. */
const LANE_PAGE_BYTES_MAX = 768 * 1024;
/** Of a group besides its payloads, at most, and of each range of it that was consumed. */
const PIECE_BYTES = 512;
const RANGE_BYTES = 32;
/** Groups given out at a time. */
const PAGE_GROUPS_MAX = 1_024;
/** Types that the statistics name, and that are looked at to find those of which most events wait. */
const TYPES_SHOWN_MAX = 100;
const TYPES_READ_MAX = 10_000;

/** What of a lane stands behind position `after`, as it is stored: about 768 KiB, or one group. */
export function laneAfter(view: View, lane: LaneNumber, after: number): readonly LanePiece[] {
  const pieces: LanePiece[] = [];
  let bytes = 0;
  for (const standing of groupsFrom(view, lane, after + 1)) {
    const { sizes, payloads } = standing.stored.group;
    bytes += payloads.byteLength + sizes.byteLength + PIECE_BYTES + standing.consumed.length * RANGE_BYTES;
    if (pieces.length >= PAGE_GROUPS_MAX || (pieces.length > 0 && bytes > LANE_PAGE_BYTES_MAX)) break;
    pieces.push({ stored: standing.stored, consumed: consumedRanges(lane, standing) });
  }
  return pieces;
}

/** Events of a group that were not consumed. */
function* eventsIn({ stored, count, consumed }: Standing): Generator<QueuedEvent, void, undefined> {
  const { group, position, logTimeMs } = stored;
  const { producer, incarnation, first, type, traceparent, lowest, priority, registered } = group;
  const payloads = payloadsOf(group);
  for (let at = endFrom(consumed, 0); at < count; at = endFrom(consumed, at + 1)) {
    const id = { producer, incarnation, seq: first + at };
    const payload = payloads[at] as Uint8Array;
    const event: Event = { id, type, payload, traceparent, lowest, priority, registered };
    yield { position: position + at, logTimeMs, event };
  }
}

function* laneEvents(view: View, lane: LaneNumber, after: number): Generator<QueuedEvent, void, undefined> {
  for (const standing of groupsFrom(view, lane, after + 1))
    for (const event of eventsIn(standing)) if (event.position > after) yield event;
}

/** Events of all lanes behind position `after`, in the order in which they were stored, at most `limit` and about 384 KiB. */
export function eventsAfter(view: View, after: number, limit: number): readonly QueuedEvent[] {
  const heads = LANES.map((lane) => {
    const events = laneEvents(view, lane, after);
    return { events, next: events.next() };
  });
  const found: QueuedEvent[] = [];
  let bytes = 0;
  while (found.length < limit) {
    const [head] = heads
      .filter(({ next }) => !next.done)
      .sort((a, b) => (a.next.value as QueuedEvent).position - (b.next.value as QueuedEvent).position);
    if (head === undefined) break;
    const event = head.next.value as QueuedEvent;
    bytes += event.event?.payload.byteLength ?? 0;
    if (found.length > 0 && bytes > PAGE_BYTES_MAX) break;
    found.push(event);
    head.next = head.events.next();
  }
  return found;
}

/** Events that wait to be consumed. */
export const queuedCount = (view: View): number => countsOf(view).lanes.reduce((sum, { events }) => sum + events, 0);

/** Statistics of the queue. */
export function queueStatus(view: View): QueueStatus {
  const { lanes, counters } = countsOf(view);
  const priorities = LANES.map((lane): QueueShare => {
    const oldest = laneEvents(view, lane, 0).next().value as QueuedEvent | undefined;
    const { events, bytes } = lanes[lane - 1] as Amount;
    const since = { oldest: oldest?.position ?? 0, oldestLogTimeMs: oldest?.logTimeMs ?? 0 };
    return { name: priorityOfLane(lane), events, bytes, ...since };
  });
  const read = view.range({ from: TYPE_PREFIX, to: TYPE_END, limit: TYPES_READ_MAX });
  const types = read
    .map(([key, value]): QueueShare => {
      const amount = readJson<Amount>(value);
      return { name: key.slice(TYPE_PREFIX.length), ...amount, oldest: 0, oldestLogTimeMs: 0 };
    })
    .sort((a, b) => b.events - a.events || (a.name < b.name ? -1 : 1));
  return {
    priorities,
    types: types.slice(0, TYPES_SHOWN_MAX),
    moreTypes: types.length > TYPES_SHOWN_MAX,
    last: decodePosition(view.get(LAST_POSITION_KEY)),
    producers: producerCount(view),
    counters,
  };
}
