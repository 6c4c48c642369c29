/** A node that is up, as a station lists it, with those of its sessions that are pinned to this monitor. */
export interface ListedNode {
  readonly node: string;
  readonly sessions: readonly ListedSession[];
  /** Newest session that this monitor stands as an accuser of; 0 for none. */
  readonly accused: number;
  /** Newest session ever given to the node, whoever it is pinned to; 0 for none. */
  readonly sessionLast: number;
}

export interface ListedSession {
  readonly session: number;
  /** All that it is pinned to. */
  readonly monitors: readonly string[];
}

/** One reading of the station's nodes. */
export interface Listing {
  readonly nodes: readonly ListedNode[];
  /** Nodes that are listed in a form that could not be read: nothing is known about them. */
  readonly unreadable: readonly string[];
}

export type MonitorInput =
  | { readonly kind: "start"; readonly isConnected: boolean }
  | { readonly kind: "heartbeat"; readonly node: string; readonly session: number; readonly seq: number }
  | { readonly kind: "loopback"; readonly seq: number }
  | { readonly kind: "connection"; readonly isConnected: boolean }
  /** The monitors that there are. */
  | { readonly kind: "monitors"; readonly names: readonly string[] }
  /** What a `list` came to; `undefined` when no station told. */
  | { readonly kind: "listed"; readonly listing: Listing | undefined }
  /** A fellow monitor asks. */
  | { readonly kind: "probe"; readonly token: number; readonly node: string; readonly session: number }
  /** What a `probe` came to: since when a fellow has not heard it; `undefined` when it has not, or did not answer. */
  | {
      readonly kind: "probed";
      readonly node: string;
      readonly suspicion: number;
      readonly silentMs: number | undefined;
    }
  /** An accusation is stored, or was refused. */
  | { readonly kind: "reported"; readonly node: string; readonly session: number }
  /** What a `sayUp` came to: durable, or refused. */
  | { readonly kind: "saidUp"; readonly isStored: boolean }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type MonitorOutput =
  | { readonly kind: "acknowledge"; readonly node: string; readonly session: number; readonly seq: number }
  | { readonly kind: "loopback"; readonly seq: number }
  /** Read the nodes from a station. One at a time. The first answer must miss nothing decided before this. */
  | { readonly kind: "list" }
  /** Report that this monitor has started, and acknowledges nothing given up to now. One at a time. */
  | { readonly kind: "sayUp" }
  | {
      readonly kind: "probe";
      readonly monitor: string;
      readonly node: string;
      readonly session: number;
      readonly suspicion: number;
    }
  | { readonly kind: "probeReply"; readonly token: number; readonly heard: boolean; readonly silentMs: number }
  /** Report the node as unreachable. One at a time per session. */
  | { readonly kind: "accuse"; readonly node: string; readonly session: number; readonly silentMs: number }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };
