/** Replies about the event queue; as in `replies.ts`. */

export interface QueueShareReply {
  readonly name: string;
  readonly events: number;
  readonly bytes: number;
  readonly oldest: number;
  readonly waitedMs: number;
}

export interface QueueReply {
  readonly priorities: readonly QueueShareReply[];
  readonly types: readonly QueueShareReply[];
  readonly moreTypes: boolean;
  readonly last: number;
  readonly producers: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface WaitingEventReply {
  readonly position: number;
  readonly id: string;
  readonly type: string;
  readonly priority: string;
  readonly logTimeMs: number;
  readonly payload: Uint8Array;
}

export interface EventsReply {
  readonly events: readonly WaitingEventReply[];
}

export interface ClearRequest {
  readonly type: string;
  readonly priority: string;
  readonly by: string;
  readonly why: string;
}

export interface ClearReply {
  readonly cleared: number;
  readonly through: number;
}
