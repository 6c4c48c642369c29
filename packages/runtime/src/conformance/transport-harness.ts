import type { Delivery, RequestOutcome, Transport } from "../transport.ts";
import type { SuiteApi, Until } from "./suite.ts";

/** One bus under test, whole and undisturbed until `cut`: then it loses nothing and keeps order between two clients. */
export interface TransportHarness {
  /** Opens a further client. */
  open(name: string): Promise<Transport>;
  /** Lets time pass until `condition()` holds; rejects when it does not, within a time ample for a loaded machine. */
  readonly until: Until;
  /** Takes the bus away from all clients. */
  cut(): Promise<void>;
  /** Gives it back. */
  heal(): Promise<void>;
  /** Closes what was opened. */
  close(): Promise<void>;
}

/** Defines one test: `body` gets a bus of its own. */
export type Check = (name: string, body: (bus: TransportHarness, expect: SuiteApi["expect"]) => Promise<void>) => void;

export const text = (payload: Uint8Array): string => Buffer.from(payload).toString("latin1");
export const bytes = (content: string): Uint8Array => new Uint8Array(Buffer.from(content, "latin1"));

/** Ample: for a request that should end by something else than its timeout. */
export const LONG_MS = 60_000;
export const SHORT_MS = 40;

let markers = 0;

/** Resolves when all that `sender` sent so far has been taken by the bus and has reached `receiver`. */
export async function drained(bus: TransportHarness, sender: Transport, receiver: Transport = sender): Promise<void> {
  const subject = `marker.${++markers}`;
  let arrived = false;
  const subscription = receiver.subscribe(subject, {}, () => {
    arrived = true;
  });
  if (receiver !== sender) await drained(bus, receiver);
  sender.publish(subject, bytes(""));
  await bus.until(() => arrived);
  subscription.unsubscribe();
}

/** A subscription that the bus already knows, and what it has delivered. */
export async function listen(
  bus: TransportHarness,
  transport: Transport,
  subject: string,
  queue?: string,
): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  transport.subscribe(subject, queue === undefined ? {} : { queue }, (delivery) => deliveries.push(delivery));
  await drained(bus, transport);
  return deliveries;
}

/** Sends a request; its outcomes come in here. */
export function ask(transport: Transport, subject: string, timeoutMs: number = LONG_MS): RequestOutcome[] {
  const outcomes: RequestOutcome[] = [];
  transport.request(subject, bytes("question"), timeoutMs, (outcome) => outcomes.push(outcome));
  return outcomes;
}

export const kinds = (outcomes: readonly RequestOutcome[]): readonly string[] => outcomes.map(({ kind }) => kind);
