/**
 * How urgent an event is. Each priority has a lane of its own in the queue: order holds within (producer, lane), and a
 * higher lane goes first, see {@link EventFeed}.
 */
export type Priority = "urgent" | "normal" | "bulk";

/** Highest first. On the wire `urgent` is 1. */
export const PRIORITIES: readonly Priority[] = ["urgent", "normal", "bulk"];

/** Number of a lane: the priority on the wire. */
export type LaneNumber = 1 | 2 | 3;
export const LANES: readonly LaneNumber[] = [1, 2, 3];

/** Halon's own: what is reported of nodes and instances, on which recovery waits. */
const URGENT_TYPES: ReadonlySet<string> = new Set([
  "node-up",
  "session-begun",
  "monitor-up",
  "node-unreachable",
  "instance-changed",
]);

export const laneOfPriority = (priority: Priority): LaneNumber => (PRIORITIES.indexOf(priority) + 1) as LaneNumber;

export const priorityOfLane = (lane: LaneNumber): Priority => PRIORITIES[lane - 1] as Priority;

/** The lane of an event. `asked`: what its producer said, 0 for nothing. Not for other numbers than 0 to 3. */
export const laneOf = (type: string, asked: number): LaneNumber =>
  asked === 0 ? (URGENT_TYPES.has(type) ? 1 : 2) : (asked as LaneNumber);
