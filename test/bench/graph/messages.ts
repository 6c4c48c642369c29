/** What a process under measurement is asked over the channel from its parent; each answered with the same token. */
export type ProbeQuestion =
  /** With `reset`, forgets the stalls so far. With `collect`, has the garbage collector run first. */
  | { readonly kind: "vitals"; readonly token: number; readonly reset: boolean; readonly collect: boolean }
  /** Of a coordinator: so many random queries for typed neighbours. */
  | { readonly kind: "queries"; readonly token: number; readonly count: number };

export interface Vitals {
  /** Longest that the event loop did not turn, since the start or the last reset. */
  readonly stallMs: number;
  readonly heapMib: number;
}

export type ProbeAnswer =
  | { readonly kind: "vitals"; readonly token: number; readonly vitals: Vitals }
  | { readonly kind: "queries"; readonly token: number; readonly meanUs: number; readonly found: number }
  /** Of a coordinator, unasked: the change of that number was decided so long after it was made. */
  | { readonly kind: "decided"; readonly number: number; readonly ms: number };

/** A change that the coordinator is to make: some nodes, in one step. */
export interface ChangeEvent {
  readonly number: number;
  readonly firstNode: number;
  readonly nodeCount: number;
}

export const CHANGE_EVENT = "bench-change";
