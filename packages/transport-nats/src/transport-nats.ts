import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import {
  assert,
  assertSubject,
  type Cancel,
  type Delivery,
  OUTBOUND_BYTES_MAX,
  PAYLOAD_BYTES_MAX,
  PENDING_MAX_DEFAULT,
  REQUESTS_MAX,
  type RequestOutcome,
  type SubscribeOptions,
  type Subscription,
  type Transport,
  type TransportCounters,
  TransportError,
} from "@halon/runtime";
import { parseAddress } from "./address.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import { Dialer, type NatsReport } from "./dialer.ts";
import type { Link, LinkMessage } from "./link.ts";
import { Outbound } from "./outbound.ts";
import { Requests } from "./requests.ts";

export interface TransportNatsOptions {
  /** `nats://[user:pass@]host[:port]`, all servers of one NATS cluster; they are tried in turn. */
  readonly servers: readonly string[];
  /** Names the connection on the server, and its replies come on `_INBOX.<name>.…`: subject tokens. */
  readonly name: string;
  /** Path of a NATS `.creds` file: who this is, and the key to prove it. Read again at each reconnection, as it may be renewed. */
  readonly credentials?: string | undefined;
  /** Gives up opening. Later losses are waited out until `close`. */
  readonly signal?: AbortSignal;
  /** Told what happens to the connection; while there is none, every few seconds. */
  readonly onReport?: (report: NatsReport) => void;
}

/**
 * Opens a {@link Transport} on NATS. Waits until a server answers; rejects with `bad-address`, `bad-subject` (the name),
 * `bad-credentials` at once, with `unreachable` when `signal` gives up.
 */
export async function openTransportNats(options: TransportNatsOptions): Promise<Transport> {
  const transport = new TransportNats(options);
  await transport.open(options.signal);
  return transport;
}

interface Entry {
  readonly subject: string;
  readonly queue: string | undefined;
  readonly receive: (message: LinkMessage) => void;
  /** Of the present link. */
  unsubscribe: (() => void) | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Bytes of protocol around a message, roughly. */
const FRAME_BYTES = 64;
/** How long `close` waits for the server to take what was published. */
const CLOSE_MS = 2_000;

class TransportNats implements Transport {
  readonly counters: Mutable<TransportCounters> = {
    published: 0,
    delivered: 0,
    droppedUnconnected: 0,
    droppedOutbound: 0,
    droppedPending: 0,
  };
  readonly #name: string;
  readonly #dialer: Dialer;
  readonly #report: (report: NatsReport) => void;
  readonly #inbox: string;
  readonly #entries = new Set<Entry>();
  readonly #requests = new Requests();
  readonly #listeners: ((connected: boolean) => void)[] = [];
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #link: Link | undefined;
  #outbound = new Outbound(() => Promise.resolve());
  #soon: (() => void)[] = [];

  constructor({ servers, name, credentials, onReport }: TransportNatsOptions) {
    if (servers.length === 0) throw new TransportError("bad-address", "no server address: give at least one");
    this.#name = name;
    this.#report = onReport ?? (() => {});
    const read = (): Credentials | undefined =>
      credentials === undefined ? undefined : readCredentials(credentials, Date.now());
    const addresses = servers.map(parseAddress);
    // What is wrong already is no reason to try on and on.
    read();
    this.#dialer = new Dialer(addresses, name, this.#report, read);
    this.#inbox = `_INBOX.${name}.${randomBytes(8).toString("hex")}`;
    assertSubject(this.#inbox, false);
    const receive = (message: LinkMessage): void => this.#onReply(message);
    this.#entries.add({ subject: `${this.#inbox}.*`, queue: undefined, receive, unsubscribe: undefined });
  }

  get connected(): boolean {
    return this.#link?.isOpen ?? false;
  }

  async open(signal?: AbortSignal): Promise<void> {
    const signals = signal === undefined ? [this.#closing.signal] : [this.#closing.signal, signal];
    await this.#connect(AbortSignal.any(signals));
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#assertOpen();
    assertSubject(subject, false);
    this.#send(subject, payload, undefined);
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number, done: (outcome: RequestOutcome) => void): Cancel {
    this.#assertOpen();
    assertSubject(subject, false);
    this.#assertFits(subject, payload);
    assert(timeoutMs > 0 && Number.isFinite(timeoutMs), `request to ${subject} with a timeout of ${timeoutMs} ms`);
    if (this.#requests.isFull) return refuse(`${REQUESTS_MAX} requests are waiting already`, done);
    let isCancelled = false;
    const token = this.#requests.add(timeoutMs, (outcome) =>
      this.#later(() => {
        if (isCancelled) return;
        if (outcome.kind === "reply") this.counters.delivered++;
        done(outcome);
      }),
    );
    const fate = this.#hand(subject, payload, `${this.#inbox}.${token}`);
    if (fate !== "sent") {
      this.#requests.cancel(token);
      return refuse(fate, done);
    }
    this.counters.published++;
    return () => {
      isCancelled = true;
      this.#requests.cancel(token);
    };
  }

  subscribe(subject: string, options: SubscribeOptions, deliver: (message: Delivery) => void): Subscription {
    this.#assertOpen();
    assertSubject(subject, true);
    if (options.queue !== undefined) assertSubject(options.queue, false);
    const pendingMax = options.pendingMax ?? PENDING_MAX_DEFAULT;
    assert(pendingMax >= 1, `subscription to ${subject} with pendingMax ${pendingMax}`);
    let waiting = 0;
    const receive = (message: LinkMessage): void => {
      if (!this.#entries.has(entry)) return;
      if (waiting >= pendingMax) {
        this.counters.droppedPending++;
        return;
      }
      waiting++;
      const delivery = this.#delivery(message);
      this.#later(() => {
        waiting--;
        if (!this.#entries.has(entry)) return;
        this.counters.delivered++;
        deliver(delivery);
      });
    };
    const entry: Entry = { subject, queue: options.queue, receive, unsubscribe: undefined };
    this.#entries.add(entry);
    entry.unsubscribe = this.#link?.subscribe(subject, options.queue, receive);
    return {
      unsubscribe: () => {
        if (this.#entries.delete(entry)) entry.unsubscribe?.();
      },
    };
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#closing.abort();
    this.#listeners.length = 0;
    this.#entries.clear();
    this.#requests.settleAll({ kind: "timeout" });
    if (link === undefined) return;
    const given = new AbortController();
    const limit = wait(CLOSE_MS, undefined, { signal: given.signal }).catch(() => {});
    await Promise.race([link.flush().catch(() => {}), limit]);
    given.abort();
    await link.close();
  }

  /** Resolves with a new link in place and all subscriptions on it. */
  async #connect(signal: AbortSignal): Promise<void> {
    let isGone = false;
    const events = {
      lost: (why: string): void => {
        isGone = true;
        if (this.#link === link && link !== undefined) this.#onLost(link, why);
      },
      refused: (why: string): void => this.#report({ kind: "refused", server: link?.server ?? "", why }),
    };
    let link: Link | undefined;
    do {
      isGone = false;
      link = await this.#dialer.dial(signal, events);
    } while (isGone);
    if (this.#closed !== undefined) return link.close();
    const { server } = link;
    this.#link = link;
    this.#outbound = new Outbound(() => link.flush());
    for (const entry of this.#entries) entry.unsubscribe = link.subscribe(entry.subject, entry.queue, entry.receive);
    this.#report({ kind: "connected", server });
    this.#tell(true);
  }

  #onLost(link: Link, why: string): void {
    this.#link = undefined;
    for (const entry of this.#entries) entry.unsubscribe = undefined;
    this.#report({ kind: "lost", server: link.server, why });
    this.#tell(false);
    this.#connect(this.#closing.signal).catch((error: unknown) => {
      // Only `close` ends the search.
      if (!this.#closing.signal.aborted) throw error;
    });
  }

  #tell(connected: boolean): void {
    for (const listener of this.#listeners) this.#later(() => listener(connected));
  }

  #onReply({ subject, payload, isNoResponders }: LinkMessage): void {
    const token = subject.slice(this.#inbox.length + 1);
    if (!this.#requests.has(token)) return;
    this.#requests.settle(
      token,
      isNoResponders ? { kind: "noResponders" } : { kind: "reply", payload: new Uint8Array(payload) },
    );
  }

  #delivery({ subject, payload, reply }: LinkMessage): Delivery {
    const own = new Uint8Array(payload);
    if (reply === undefined) return { subject, payload: own };
    return { subject, payload: own, respond: (response) => this.#send(reply, response, undefined) };
  }

  #send(subject: string, payload: Uint8Array, reply: string | undefined): void {
    this.#assertFits(subject, payload);
    const fate = this.#hand(subject, payload, reply);
    if (fate === "sent") this.counters.published++;
    else if (fate === UNCONNECTED) this.counters.droppedUnconnected++;
    else this.counters.droppedOutbound++;
  }

  #hand(subject: string, payload: Uint8Array, reply: string | undefined): Fate {
    const link = this.#link;
    if (!link?.isOpen) return UNCONNECTED;
    if (!this.#outbound.admit(payload.length + subject.length + FRAME_BYTES)) return CONGESTED;
    // A copy, as `nats` reads it only at the end of the turn.
    link.publish(subject, new Uint8Array(payload), reply);
    this.#outbound.maybeConfirm();
    return "sent";
  }

  #assertOpen(): void {
    if (this.#closed !== undefined)
      throw new TransportError("closed", `transport ${this.#name} is closed: open a new one`);
  }

  #assertFits(subject: string, payload: Uint8Array): void {
    const bytesMax = Math.min(PAYLOAD_BYTES_MAX, this.#link?.payloadBytesMax ?? PAYLOAD_BYTES_MAX);
    if (payload.length > bytesMax)
      throw new TransportError(
        "too-large",
        `payload of ${payload.length} bytes for ${subject}: ${bytesMax} are allowed; split it`,
      );
  }

  /**
   * Callbacks run when the parser is done with the chunk of frames at hand: what one throws would otherwise be swallowed
   * by `nats` and leave a connection that no longer reads. Bounded by each subscription's pendingMax and by REQUESTS_MAX.
   */
  #later(act: () => void): void {
    if (this.#soon.push(act) > 1) return;
    queueMicrotask(() => {
      const acts = this.#soon;
      this.#soon = [];
      for (const each of acts) each();
    });
  }
}

const UNCONNECTED = "no connection to the bus";
const CONGESTED = `${OUTBOUND_BYTES_MAX} bytes are waiting to leave already`;
type Fate = "sent" | typeof UNCONNECTED | typeof CONGESTED;

/** Not in a microtask: one who tries again at once would keep the event loop from ever reading the socket. */
function refuse(why: string, done: (outcome: RequestOutcome) => void): Cancel {
  const immediate = setImmediate(() => done({ kind: "unsent", why }));
  return () => clearImmediate(immediate);
}
