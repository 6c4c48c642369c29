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
  const keyOf = (number: number): string => `k/${number % keys}`;
  return {
    apply(payload, state) {
      const number = numberIn(payload, 0);
      if (number !== MANY) state.put(keyOf(number), payload);
      else
        for (let at = LENGTH_BYTES; at < payload.length; ) {
          const end = at + LENGTH_BYTES + numberIn(payload, at);
          const each = payload.subarray(at + LENGTH_BYTES, end);
          state.put(keyOf(numberIn(each, 0)), each);
          at = end;
        }
      return NOTHING;
    },
    query: (payload: Uint8Array, state: View) => state.get(keyOf(numberIn(payload, 0))) ?? NOTHING,
  };
};

const numberIn = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;
