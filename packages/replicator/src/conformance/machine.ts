import { readState, type StateMachine } from "@halon/replicated-log";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** What the suite replicates: all payloads in the order in which they were applied, one key each. */
export const recorder: StateMachine = {
  /** Answers its place in the order, counting from 1, and the payload. */
  apply(payload, state) {
    const last = state.get("count");
    const place = last === undefined ? 1 : Number(textOf(last)) + 1;
    state.put("count", bytesOf(`${place}`));
    state.put(`entry/${place.toString().padStart(6, "0")}`, payload);
    return bytesOf(`${place} ${textOf(payload)}`);
  },
  /** `log`: all payloads, joined by commas. `state`: the number of the last decree and a blank before that. `large N`: an answer of so many bytes. Anything else comes back as it is. */
  query(payload, state) {
    const question = textOf(payload);
    const log = (): string =>
      state
        .range({ from: "entry/", to: "entry0" })
        .map(([, value]) => textOf(value))
        .join(",");
    if (question === "log") return bytesOf(log());
    if (question === "state") return bytesOf(`${readState(state).applied} ${log()}`);
    return question.startsWith("large ") ? new Uint8Array(Number(question.slice(6))) : payload;
  },
};
