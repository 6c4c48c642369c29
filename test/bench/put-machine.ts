import type { StateMachine, View } from "@halon/replicated-log";

const NOTHING = new Uint8Array(0);

/** First bytes of a payload that puts several values, each as if it had come alone. */
const MANY = 0xffffffff;
const LENGTH_BYTES = 4;

/** One payload for several: each behind its length. */
export function manyOf(payloads: readonly Buffer[]): Buffer {
  const parts = payloads.flatMap((payload) => {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(payload.length);
    return [length, payload];
  });
  return Buffer.concat([Buffer.alloc(4, 0xff), ...parts]);
}

/**
 * The least that can be asked of a state: the payload, or each of those in {@link manyOf}, is put under one of so many keys,
 * named by its first four bytes; a query gives what is there.
 */
export const putMachine = (keys: number): StateMachine => {
  const keyOf = (payload: Uint8Array): string => `k/${numberIn(payload, 0) % keys}`;
  return {
    apply(payload, state) {
      if (numberIn(payload, 0) !== MANY) state.put(keyOf(payload), payload);
      else
        for (let at = LENGTH_BYTES; at < payload.length; ) {
          const end = at + LENGTH_BYTES + numberIn(payload, at);
          const each = payload.subarray(at + LENGTH_BYTES, end);
          state.put(keyOf(each), each);
          at = end;
        }
      return NOTHING;
    },
    query: (payload: Uint8Array, state: View) => state.get(keyOf(payload)) ?? NOTHING,
  };
};

const numberIn = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
