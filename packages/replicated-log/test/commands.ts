import type { Command, Outcome, StateMachine } from "@halon/replicated-log";
import { bytes, text } from "./map-store.ts";

/** `log` appends to a text under the key `log`, and answers it; the query answers it too. */
export const logMachine: StateMachine = {
  apply(payload, state) {
    const longer = `${text(state.get("log")) ?? ""}${text(payload)};`;
    state.put("log", bytes(longer));
    return bytes(longer);
  },
  query: (_payload, state) => state.get("log") ?? new Uint8Array(0),
};

export const command = (kind: Command["kind"], payload = "", over: Partial<Command> = {}): Command => ({
  kind,
  session: 0,
  seq: 0,
  lowest: 0,
  payload: bytes(payload),
  ...over,
});

export const update = (session: number, seq: number, lowest: number, payload = `${session}.${seq}`): Command =>
  command("update", payload, { session, seq, lowest });

/** `result x`, `refused window`, `notLeader b`, `busy`, `unknown`. */
export function say(outcome: Outcome | undefined): string {
  if (outcome === undefined) return "none";
  if (outcome.kind === "result") return `result ${text(outcome.result)}`;
  if (outcome.kind === "refused") return `refused ${outcome.code}`;
  return outcome.kind === "notLeader" ? `notLeader ${outcome.leader ?? "-"}` : outcome.kind;
}
