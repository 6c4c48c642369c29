/** Called once; with the error when it did not work out. */
export type Done = (error?: Error) => void;

/** Tells how a promise has ended. */
export async function settle(promise: Promise<unknown>, done: Done): Promise<void> {
  let failure: Error | undefined;
  try {
    await promise;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  done(failure);
}

/** A client with a connection of its own. */
export interface Client {
  /** Puts the value under one of {@link KEYS} keys, `keyOf(number)`; done when that is acknowledged. */
  write(number: number, value: Buffer, done: Done): void;
  /** Reads a key that was written, linearizable. Absent where that is not to be had. */
  readonly read?: (number: number, done: Done) => void;
  close(): Promise<void>;
}

/** A running system of several members, each a process on this machine. */
export interface System {
  /** For people. */
  readonly about: string;
  connect(): Promise<Client>;
  /** Of all its processes: whose time is its cost. */
  pids(): readonly number[];
  /** Bytes that its messages have taken so far, where the system itself counts them. */
  wireBytes?(): Promise<number>;
}

/** How many keys are written, by all systems. */
export const KEYS = 10_000;
export const keyOf = (number: number): string => `k${number % KEYS}`;

/** Values that differ in their first four bytes. */
export function valuesOf(bytes: number): (number: number) => Buffer {
  const template = Buffer.alloc(bytes, "halon");
  return (number) => {
    const value = Buffer.from(template);
    value.writeUInt32BE(number);
    return value;
  };
}
