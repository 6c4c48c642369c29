import type { Ballot } from "@halon/consensus";

/** An accepted, not yet chosen decree as an acceptor reports it. */
export interface Entry {
  readonly number: number;
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** What members say to each other. The names follow Lamport's "Paxos Made Simple"; the contract is in `paxos.proto`. */
export type PaxosMessage =
  | { readonly kind: "prepare"; readonly ballot: Ballot; readonly from: number }
  | {
      readonly kind: "prepareOk";
      readonly ballot: Ballot;
      readonly chosen: number;
      readonly entries: readonly Entry[];
      readonly more: boolean;
    }
  | { readonly kind: "prepareRefused"; readonly promised: Ballot }
  | {
      readonly kind: "accept";
      readonly ballot: Ballot;
      readonly number: number;
      readonly value: Uint8Array;
      readonly chosen: number;
    }
  | { readonly kind: "acceptOk"; readonly ballot: Ballot; readonly number: number }
  | { readonly kind: "acceptRefused"; readonly promised: Ballot }
  | { readonly kind: "heartbeat"; readonly ballot: Ballot; readonly chosen: number }
  | { readonly kind: "heartbeatOk"; readonly ballot: Ballot }
  | { readonly kind: "learnRequest"; readonly from: number }
  | {
      readonly kind: "learnReply";
      readonly from: number;
      readonly values: readonly Uint8Array[];
      readonly chosen: number;
    };

/** What a member writes down for itself, in the order in which it became true. */
export type PaxosRecord =
  | { readonly kind: "promised"; readonly ballot: Ballot }
  | {
      readonly kind: "accepted";
      readonly ballot: Ballot;
      readonly number: number;
      readonly value: Uint8Array;
      readonly chosen: number;
    }
  | { readonly kind: "learned"; readonly number: number; readonly value: Uint8Array };
