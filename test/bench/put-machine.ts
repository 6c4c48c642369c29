import type { StateMachine } from "@halon/replicated-log";

const KEYS = 10_000;
const NO_RESULT = new Uint8Array(0);

/** The least that can be asked of a state: the payload is put under one of 10 000 keys, named by its first four bytes. */
export const putMachine: StateMachine = {
  apply(payload, state) {
    const word = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
    state.put(`k/${word % KEYS}`, payload);
    return NO_RESULT;
  },
  query: () => NO_RESULT,
};
