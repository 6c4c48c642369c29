import { type MemberId, memberName } from "@halon/consensus";
import { type CallOutcome, decodeReconfigured } from "@halon/replicated-log";
import type { LogReplicator } from "@halon/replicator";
import type { StationView } from "../station-list.ts";
import { ApiError } from "./api-error.ts";
import type { CallEnd } from "./call-scope.ts";

/** Nodes; empty for none. */
export interface StationsChange {
  readonly add: string;
  readonly remove: string;
}

/** What it came to. As of `halon.proto`. */
export interface StationsChanged {
  readonly outcome: string;
  readonly message: string;
  readonly members: readonly string[];
}

export interface ChangeStationsPorts {
  readonly stations: () => readonly StationView[];
  readonly reconfigure: LogReplicator["reconfigure"];
}

/** Has the group change who votes. Nodes become members here: only who runs can be added, as its incarnation is its own. */
export function changeStations(
  { stations, reconfigure }: ChangeStationsPorts,
  change: StationsChange,
  signal: AbortSignal,
): Promise<StationsChanged> {
  const known = stations();
  const remove = removed(known, change);
  const add = added(known, change);
  if (add === "not heard")
    return Promise.resolve({
      outcome: "not-heard",
      message: `${change.add} is not heard as a station that waits to be added: start it there with an empty directory, and look at its health`,
      members: [],
    });
  if (add === undefined && remove === undefined)
    return Promise.resolve({ outcome: "unchanged", message: "", members: voters(known) });
  const request = { ...(add !== undefined && { add }), ...(remove !== undefined && { remove }) };
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      cancel();
      reject(unknown(signal.reason as CallEnd));
    };
    const cancel = reconfigure(request, (outcome) => {
      signal.removeEventListener("abort", leave);
      const changed = changedBy(outcome);
      if (changed === undefined) reject(new ApiError("RESOURCE_EXHAUSTED", "too much is under way: try again"));
      else resolve(changed);
    });
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}

const voters = (known: readonly StationView[]): readonly string[] =>
  known.filter(({ votes }) => votes).map(({ node }) => node);

function removed(known: readonly StationView[], { add, remove }: StationsChange): MemberId | undefined {
  if (add === "" && remove === "") throw new ApiError("INVALID_ARGUMENT", "name a station to add or to remove");
  if (remove === "") return undefined;
  const found = known.find(({ node, votes }) => votes && node === remove);
  if (found !== undefined || add === "") return found?.member;
  throw new ApiError(
    "NOT_FOUND",
    `${remove} does not vote, so nothing can take its place. Who does: ${voters(known).join(", ")}`,
  );
}

function added(known: readonly StationView[], { add, remove }: StationsChange): MemberId | "not heard" | undefined {
  if (add === "") return undefined;
  const isReplacingItself = add === remove;
  const waiting = known.find(({ node, votes, role }) => node === add && !votes && role !== "");
  const voting = known.find(({ node, votes }) => node === add && votes);
  if (waiting !== undefined && voting !== undefined && !isReplacingItself)
    throw new ApiError(
      "FAILED_PRECONDITION",
      `${add} votes as ${voting.member}, and runs as ${waiting.member}: halonctl station replace ${add} ${add}`,
    );
  if (waiting !== undefined) return waiting.member;
  if (voting !== undefined && !isReplacingItself) return remove === "" ? undefined : voting.member;
  return "not heard";
}

function changedBy(outcome: CallOutcome): StationsChanged | undefined {
  if (outcome.kind === "refused") return { outcome: outcome.code, message: outcome.message, members: [] };
  if (outcome.kind !== "result") return undefined;
  const { number, membership } = decodeReconfigured(outcome.result);
  return { outcome: number === 0 ? "unchanged" : "changed", message: "", members: membership.members.map(memberName) };
}

function unknown(end: CallEnd): ApiError {
  if (end === "stopping")
    return new ApiError("UNAVAILABLE", "this station stops; whether anything has changed is not known: ask another");
  return new ApiError(
    "DEADLINE_EXCEEDED",
    "no majority of the stations has answered in time. It may be changed, now or later: look at the list of stations; " +
      "the same again does no harm",
  );
}
