import type { Ballot, MemberId, Membership } from "@halon/consensus";

/** What a decree says. With `members` it is a stop sign: they make up the next legislature, and `value` is empty. */
export interface Content {
  readonly value: Uint8Array;
  readonly members?: readonly MemberId[] | undefined;
}

/** An accepted, not yet chosen decree as an acceptor reports it. */
export interface Entry extends Content {
  readonly number: number;
  readonly ballot: Ballot;
}

/** What members say to each other. The names follow Lamport's "Paxos Made Simple"; the contract is in `paxos.proto`. */
export type PaxosMessage =
  | { readonly kind: "probe"; readonly chosen: number }
  | { readonly kind: "probeOk"; readonly promised: Ballot }
  | { readonly kind: "prepare"; readonly ballot: Ballot; readonly from: number }
  | {
      readonly kind: "prepareOk";
      readonly ballot: Ballot;
      readonly chosen: number;
      readonly entries: readonly Entry[];
      readonly more: boolean;
    }
  | { readonly kind: "refused"; readonly promised: Ballot }
  | ({ readonly kind: "accept"; readonly ballot: Ballot; readonly number: number; readonly chosen: number } & Content)
  | { readonly kind: "acceptOk"; readonly ballot: Ballot; readonly number: number }
  | {
      readonly kind: "heartbeat";
      readonly ballot: Ballot;
      readonly chosen: number;
      readonly round: number;
      /** Of the lease that is asked for, by the clock of who asks. */
      readonly leaseMs: number;
    }
  | {
      readonly kind: "heartbeatOk";
      readonly ballot: Ballot;
      readonly round: number;
      readonly granted: boolean;
      readonly chosen: number;
    }
  | { readonly kind: "learnRequest"; readonly from: number }
  | {
      readonly kind: "learnReply";
      readonly from: number;
      readonly values: readonly Content[];
      readonly chosen: number;
      /** Further ones follow without being asked for. */
      readonly more: boolean;
    }
  | { readonly kind: "learnTrimmed"; readonly trimmed: number; readonly chosen: number }
  | {
      readonly kind: "hello";
      readonly promised: Ballot;
      readonly accepted: number;
      readonly chosen: number;
      readonly ask: boolean;
    }
  | { readonly kind: "disowned"; readonly why: string };

export type MessageOf<K extends PaxosMessage["kind"]> = PaxosMessage & { kind: K };

/** Everything up to decree `number` is in the applied state, and `membership` is in force from the next one on. */
export interface Base {
  readonly number: number;
  readonly membership: Membership;
}

/** What a member writes down for itself, in the order in which it became true. */
export type PaxosRecord =
  | { readonly kind: "promised"; readonly ballot: Ballot }
  | ({
      readonly kind: "accepted";
      readonly ballot: Ballot;
      readonly number: number;
      readonly chosen: number;
      readonly legislature: number;
    } & Content)
  | ({ readonly kind: "learned"; readonly number: number } & Content)
  | ({ readonly kind: "base"; readonly promised: Ballot; readonly boot: number } & Base)
  | { readonly kind: "boot"; readonly boot: number };
