import type { StateMachine, View } from "@halon/replicated-log";

const NOTHING = new Uint8Array(0);

/**
 * The least that can be asked of a state: the payload is put under one of so many keys, named by its first four bytes; a
 * query gives what is there.
 */
export const putMachine = (keys: number): StateMachine => {
  const keyOf = (payload: Uint8Array): string =>
    `k/${new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0) % keys}`;
  return {
    apply(payload, state) {
      state.put(keyOf(payload), payload);
      return NOTHING;
    },
    query: (payload: Uint8Array, state: View) => state.get(keyOf(payload)) ?? NOTHING,
  };
};
