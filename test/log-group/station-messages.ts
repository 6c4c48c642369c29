/** What a station that is only its log is told, as the one argument of its program. */
export interface StationConfig {
  readonly cluster: string;
  readonly self: string;
  /** Of the group that is founded by those that have no directory yet. */
  readonly members: readonly string[];
  readonly natsUrl: string;
  readonly dir: string;
  /** `undefined`: as a station has it. */
  readonly snapshotBytes?: number | undefined;
}

/** What it is asked, over the channel between the processes; each once, answered with the same token. */
export type StationQuestion =
  /** With `reset`, forget the stalls so far. */
  | { readonly kind: "status"; readonly token: number; readonly reset: boolean }
  | { readonly kind: "state"; readonly token: number }
  /** A submission, as it may come over the bus. Not answered when it means nothing. */
  | { readonly kind: "submit"; readonly token: number; readonly bytes: Uint8Array };

export interface StationStatus {
  readonly role: string;
  readonly leader: string | undefined;
  readonly phase: string;
  /** 0 while the state is being replaced. */
  readonly applied: number;
  /** Decrees up to this one are not in the journal any more. */
  readonly trimmed: number;
  /** Times that the state was replaced by that of a peer, in this life. */
  readonly installs: number;
  /** In this life: times that what a peer has changed meanwhile was taken over, too, and all that came from peers. */
  readonly rounds: number;
  readonly receivedBytes: number;
  /** Times that the state was not what it should be. */
  readonly faults: number;
  /** Longest that the event loop did not turn, since it serves, or since it was reset. */
  readonly stallMs: number;
  /** The same, without the time for which the host had no core for it. */
  readonly stallOwnMs: number;
  /** The same, from the opening of journal and store until it served. */
  readonly startStallMs: number;
}

/** What is in the store, all of one time. */
export interface StationState {
  readonly applied: number;
  /** As it is kept along with the state. */
  readonly digest: string;
  /** As it comes out when all of the state is read. */
  readonly digestRead: string;
}

export type StationAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "status"; readonly token: number; readonly status: StationStatus }
  | { readonly kind: "state"; readonly token: number; readonly state: StationState }
  | { readonly kind: "submit"; readonly token: number; readonly bytes: Uint8Array };
