import type { Clock, Delivery, Random, Transport } from "@halon/runtime";
import { assert } from "@halon/runtime";
import type { MemoryRequest, MemorySubscription } from "./memory-transport.ts";
import { MemoryTransport } from "./memory-transport.ts";
import { type Network, undisturbed } from "./network.ts";
import { matches } from "./subject.ts";

export interface MemoryBusOptions {
  readonly clock: Clock;
  /** Chooses the member of a queue group that gets a message. */
  readonly random: Random;
  /** Without it nothing is lost and nothing takes time. */
  readonly network?: Network;
}

/** Cumulative. Invariant once nothing is under way: sent = arrived + lostConnection. */
export interface MemoryBusCounters {
  /** Copies given to the network, replies included. */
  readonly sent: number;
  readonly arrived: number;
  /** Copies whose receiver's connection ended while they were under way. */
  readonly lostConnection: number;
  /** Deliveries for which the network wanted no copy. */
  readonly lostNetwork: number;
}

/** Who receives a subject. Each of the groups is not empty. */
interface Route {
  readonly plain: readonly MemorySubscription[];
  readonly groups: readonly (readonly MemorySubscription[])[];
}

/** Subjects whose routes are remembered. */
const ROUTES_MAX = 4_096;

/**
 * A message bus inside one process with the semantics of one NATS server: at most once, by subject, queue groups,
 * request and reply, immediate noResponders. Time passes only by the clock, chance comes only from `random`, so that a
 * run with a virtual clock is the same every time.
 */
export class MemoryBus {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #network: Network;
  readonly #clients = new Map<string, MemoryTransport>();
  readonly #unplugged = new Set<string>();
  readonly #subscriptions = new Set<MemorySubscription>();
  /** Invariant: agrees with the subscriptions of the connected clients; forgotten at each change of these. */
  readonly #routes = new Map<string, Route>();
  readonly #counters = { sent: 0, arrived: 0, lostConnection: 0, lostNetwork: 0 };
  #connections = 0;
  #isRunning = true;

  constructor(options: MemoryBusOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#network = options.network ?? undisturbed;
  }

  get counters(): MemoryBusCounters {
    return this.#counters;
  }

  /** Adds a client. `name` is what the network knows it by; no two live clients share one. */
  open(name: string): Transport {
    assert(!this.#clients.has(name), `client ${name} is open already: close or kill it first`);
    const client = new MemoryTransport(name, {
      clock: this.#clock,
      publish: (from, subject, payload, request) => this.#publish(from, subject, payload, request),
      respond: (from, request, payload) => this.#respond(from, request, payload),
      subscribe: (subscription) => {
        this.#subscriptions.add(subscription);
        this.#routes.clear();
      },
      unsubscribe: (subscription) => {
        this.#subscriptions.delete(subscription);
        this.#routes.clear();
      },
      left: ({ name: left }) => {
        this.#clients.delete(left);
        this.#unplugged.delete(left);
      },
    });
    this.#clients.set(name, client);
    this.#plug(client);
    return client;
  }

  /** Ends the client's connection: it notices, what is under way to it is lost. */
  disconnect(name: string): void {
    this.#unplugged.add(name);
    this.#plug(this.#client(name));
  }

  /** Ends a `disconnect`; its subscriptions are there again. */
  connect(name: string): void {
    this.#unplugged.delete(name);
    this.#plug(this.#client(name));
  }

  /** The client's process dies: subscriptions and waiting requests vanish, no callback comes any more. */
  kill(name: string): void {
    this.#client(name).kill();
  }

  /** The broker goes away: all clients lose their connection. */
  stop(): void {
    this.#isRunning = false;
    for (const client of this.#clients.values()) this.#plug(client);
  }

  /** The broker comes back, and with it all clients that are not disconnected by themselves. */
  start(): void {
    this.#isRunning = true;
    for (const client of this.#clients.values()) this.#plug(client);
  }

  #client(name: string): MemoryTransport {
    const client = this.#clients.get(name);
    assert(client !== undefined, `no client ${name}: there are ${[...this.#clients.keys()].join(", ") || "none"}`);
    return client;
  }

  /** Gives the client the connection that it should have. */
  #plug(client: MemoryTransport): void {
    const shouldBe = this.#isRunning && !this.#unplugged.has(client.name);
    if (shouldBe === client.connected) return;
    client.setConnection(shouldBe ? ++this.#connections : 0);
    this.#routes.clear();
  }

  #publish(from: MemoryTransport, subject: string, payload: Uint8Array, request: MemoryRequest | undefined): boolean {
    const { plain, groups } = this.#route(subject);
    for (const subscription of plain) this.#deliver(from, subscription, subject, payload, request);
    for (const members of groups) {
      const chosen = members.length === 1 ? 0 : this.#random.u32() % members.length;
      this.#deliver(from, members[chosen] as MemorySubscription, subject, payload, request);
    }
    return plain.length + groups.length > 0;
  }

  #deliver(
    from: MemoryTransport,
    subscription: MemorySubscription,
    subject: string,
    payload: Uint8Array,
    request: MemoryRequest | undefined,
  ): void {
    const { client } = subscription;
    this.#carry(from, client, subject, payload, (own) => {
      const message: Delivery =
        request === undefined
          ? { subject, payload: own }
          : { subject, payload: own, respond: (reply) => client.respond(request, subject, reply) };
      client.arrive(subscription, message);
    });
  }

  #respond(from: MemoryTransport, request: MemoryRequest, payload: Uint8Array): void {
    const { client } = request;
    // Nobody listens on the reply subject of a client without connection.
    if (!client.connected) return;
    this.#carry(from, client, `_INBOX.${client.name}`, payload, (own) =>
      client.settle(request, { kind: "reply", payload: own }),
    );
  }

  /** Has the network carry copies to the client. */
  #carry(
    from: MemoryTransport,
    to: MemoryTransport,
    subject: string,
    payload: Uint8Array,
    arrive: (payload: Uint8Array) => void,
  ): void {
    const delaysMs = this.#network(from.name, to.name, subject, payload);
    if (delaysMs.length === 0) this.#counters.lostNetwork++;
    const { connection } = to;
    for (const delayMs of delaysMs) {
      assert(delayMs >= 0, `the network delays a message on ${subject} by ${delayMs} ms`);
      const own = new Uint8Array(payload);
      this.#counters.sent++;
      this.#clock.at(this.#clock.nowMs() + delayMs, () => {
        if (to.connection !== connection) {
          this.#counters.lostConnection++;
          return;
        }
        this.#counters.arrived++;
        arrive(own);
      });
    }
  }

  #route(subject: string): Route {
    const known = this.#routes.get(subject);
    if (known !== undefined) return known;
    const plain: MemorySubscription[] = [];
    const groups = new Map<string, MemorySubscription[]>();
    for (const subscription of this.#subscriptions) {
      const { client, pattern, queue } = subscription;
      if (!client.connected || !matches(pattern, subject)) continue;
      if (queue === undefined) plain.push(subscription);
      else if (groups.get(queue)?.push(subscription) === undefined) groups.set(queue, [subscription]);
    }
    const route: Route = { plain, groups: [...groups.values()] };
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
    this.#routes.set(subject, route);
    return route;
  }
}
