import type {
  Cancel,
  Delivery,
  RequestOutcome,
  SubscribeOptions,
  Subscription,
  Transport,
  TransportCounters,
} from "@halon/runtime";
import type { Life } from "./life.ts";

/** A transport whose callbacks reach the process only while it runs; those of a pause come late. */
export class ProcessTransport implements Transport {
  readonly #inner: Transport;
  readonly #life: Life;
  #isClosed = false;

  constructor(inner: Transport, life: Life) {
    this.#inner = inner;
    this.#life = life;
  }

  /** True when the process itself has closed it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get connected(): boolean {
    return this.#inner.connected;
  }

  get counters(): TransportCounters {
    return this.#inner.counters;
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#inner.publish(subject, payload);
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number, done: (outcome: RequestOutcome) => void): Cancel {
    let isLive = true;
    const cancel = this.#inner.request(subject, payload, timeoutMs, (outcome) =>
      this.#life.run(() => {
        if (isLive) done(outcome);
      }),
    );
    return () => {
      isLive = false;
      cancel();
    };
  }

  subscribe(subject: string, options: SubscribeOptions, deliver: (message: Delivery) => void): Subscription {
    let isLive = true;
    const subscription = this.#inner.subscribe(subject, options, (message) =>
      this.#life.deliver(() => {
        if (isLive) deliver(message);
      }),
    );
    return {
      unsubscribe: () => {
        isLive = false;
        subscription.unsubscribe();
      },
    };
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#inner.onConnection((connected) => this.#life.run(() => listener(connected)));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#inner.close();
  }
}
