import type {
  Cancel,
  Clock,
  Delivery,
  RequestOutcome,
  SubscribeOptions,
  Subscription,
  Transport,
  TransportCounters,
} from "@halon/runtime";
import {
  assert,
  assertSubject,
  PAYLOAD_BYTES_MAX,
  PENDING_MAX_DEFAULT,
  REQUESTS_MAX,
  TransportError,
} from "@halon/runtime";

/** What a client needs of its bus. */
export interface Broker {
  readonly clock: Clock;
  /** Sends to all subscribers. False when there are none. */
  publish(from: MemoryTransport, subject: string, payload: Uint8Array, request: MemoryRequest | undefined): boolean;
  respond(from: MemoryTransport, request: MemoryRequest, payload: Uint8Array): void;
  subscribe(subscription: MemorySubscription): void;
  unsubscribe(subscription: MemorySubscription): void;
  left(client: MemoryTransport): void;
}

export interface MemorySubscription {
  readonly client: MemoryTransport;
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly pendingMax: number;
  readonly deliver: (message: Delivery) => void;
  /** Arrived and not yet delivered. Invariant: waiting <= pendingMax. */
  waiting: number;
  isLive: boolean;
}

export interface MemoryRequest {
  readonly client: MemoryTransport;
  /** Gone when the request was answered or cancelled. */
  done: ((outcome: RequestOutcome) => void) | undefined;
  cancelTimeout: Cancel;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One client of a {@link Broker}. Callbacks run in an alarm of their own, in the order in which their causes arrived. */
export class MemoryTransport implements Transport {
  readonly name: string;
  readonly counters: Mutable<TransportCounters> = {
    published: 0,
    delivered: 0,
    droppedUnconnected: 0,
    droppedOutbound: 0,
    droppedPending: 0,
  };
  readonly #broker: Broker;
  /** Number of the present connection, 0 when there is none. What left over an earlier connection never arrives. */
  #connection = 0;
  #state: "open" | "closed" | "killed" = "open";
  readonly #subscriptions = new Set<MemorySubscription>();
  /** Invariant: at most REQUESTS_MAX, all with `done`. */
  readonly #requests = new Set<MemoryRequest>();
  readonly #listeners: ((connected: boolean) => void)[] = [];
  #soon: (() => void)[] = [];

  constructor(name: string, broker: Broker) {
    this.name = name;
    this.#broker = broker;
  }

  get connected(): boolean {
    return this.#connection !== 0;
  }

  get connection(): number {
    return this.#connection;
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#assertOpen();
    assertSubject(subject, false);
    assertFits(subject, payload);
    if (this.#countSending()) this.#broker.publish(this, subject, payload, undefined);
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number, done: (outcome: RequestOutcome) => void): Cancel {
    this.#assertOpen();
    assertSubject(subject, false);
    assertFits(subject, payload);
    assert(timeoutMs > 0 && Number.isFinite(timeoutMs), `request to ${subject} with a timeout of ${timeoutMs} ms`);
    const request: MemoryRequest = { client: this, done, cancelTimeout: () => {} };
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#later(() => request.done?.({ kind: "unsent", why: refusal }));
    } else {
      const { clock } = this.#broker;
      request.cancelTimeout = clock.at(clock.nowMs() + timeoutMs, () => this.settle(request, { kind: "timeout" }));
      this.#requests.add(request);
      this.counters.published++;
      if (!this.#broker.publish(this, subject, payload, request)) this.settle(request, { kind: "noResponders" });
    }
    return () => {
      this.#requests.delete(request);
      request.cancelTimeout();
      request.done = undefined;
    };
  }

  subscribe(subject: string, options: SubscribeOptions, deliver: (message: Delivery) => void): Subscription {
    this.#assertOpen();
    assertSubject(subject, true);
    if (options.queue !== undefined) assertSubject(options.queue, false);
    const pendingMax = options.pendingMax ?? PENDING_MAX_DEFAULT;
    assert(pendingMax >= 1, `subscription to ${subject} with pendingMax ${pendingMax}`);
    const subscription: MemorySubscription = {
      client: this,
      pattern: subject,
      queue: options.queue,
      pendingMax,
      deliver,
      waiting: 0,
      isLive: true,
    };
    this.#subscriptions.add(subscription);
    this.#broker.subscribe(subscription);
    return { unsubscribe: () => this.#unsubscribe(subscription) };
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener);
  }

  close(): Promise<void> {
    if (this.#state === "open") {
      this.#leave("closed");
      for (const request of [...this.#requests]) this.settle(request, { kind: "timeout" });
    }
    return Promise.resolve();
  }

  /** The process is gone: nothing is told to anybody any more. */
  kill(): void {
    if (this.#state === "open") this.#leave("killed");
    this.#state = "killed";
    for (const request of this.#requests) request.cancelTimeout();
    this.#requests.clear();
    this.#soon = [];
  }

  /** A new connection, or with 0 none. */
  setConnection(connection: number): void {
    const before = this.connected;
    this.#connection = connection;
    const { connected } = this;
    if (before === connected) return;
    for (const listener of this.#listeners) this.#later(() => listener(connected));
  }

  /** A message has come out of the network. */
  arrive(subscription: MemorySubscription, message: Delivery): void {
    if (!subscription.isLive) return;
    if (subscription.waiting >= subscription.pendingMax) {
      this.counters.droppedPending++;
      return;
    }
    subscription.waiting++;
    this.#later(() => {
      subscription.waiting--;
      if (!subscription.isLive) return;
      this.counters.delivered++;
      subscription.deliver(message);
    });
  }

  /** Ends a request that still waits; the first outcome counts. */
  settle(request: MemoryRequest, outcome: RequestOutcome): void {
    if (!this.#requests.delete(request)) return;
    request.cancelTimeout();
    this.#later(() => {
      if (request.done === undefined) return;
      if (outcome.kind === "reply") this.counters.delivered++;
      request.done(outcome);
    });
  }

  /** A response to a request that this client received. The requester may be gone and this client closed: no misuse. */
  respond(request: MemoryRequest, subject: string, payload: Uint8Array): void {
    assertFits(subject, payload);
    if (this.#state !== "killed" && this.#countSending()) this.#broker.respond(this, request, payload);
  }

  #refusal(): string | undefined {
    if (!this.connected) return "no connection to the bus";
    if (this.#requests.size >= REQUESTS_MAX) return `${REQUESTS_MAX} requests are waiting already`;
    return undefined;
  }

  #countSending(): boolean {
    if (this.connected) this.counters.published++;
    else this.counters.droppedUnconnected++;
    return this.connected;
  }

  #unsubscribe(subscription: MemorySubscription): void {
    subscription.isLive = false;
    if (this.#subscriptions.delete(subscription)) this.#broker.unsubscribe(subscription);
  }

  #leave(state: "closed" | "killed"): void {
    for (const subscription of [...this.#subscriptions]) this.#unsubscribe(subscription);
    this.#listeners.length = 0;
    this.#broker.left(this);
    this.#connection = 0;
    this.#state = state;
  }

  #assertOpen(): void {
    if (this.#state !== "open") throw new TransportError("closed", `transport ${this.name} is closed: open a new one`);
  }

  /** All that arrives in one instant waits together, so that a burst meets the same bounds as on a socket. */
  #later(act: () => void): void {
    if (this.#state === "killed") return;
    if (this.#soon.push(act) > 1) return;
    const { clock } = this.#broker;
    clock.at(clock.nowMs(), () => {
      const acts = this.#soon;
      this.#soon = [];
      for (const each of acts) if (this.#state !== "killed") each();
    });
  }
}

function assertFits(subject: string, payload: Uint8Array): void {
  if (payload.length > PAYLOAD_BYTES_MAX)
    throw new TransportError(
      "too-large",
      `payload of ${payload.length} bytes for ${subject}: ${PAYLOAD_BYTES_MAX} are allowed; split it`,
    );
}
