import { connect, jwtAuthenticator, type Msg, type NatsConnection } from "nats";
import { type ServerAddress, showAddress } from "./address.ts";
import type { Credentials } from "./credentials.ts";

/** A message as it came in. `payload` is a view on the received frame: copy it before this turn ends. */
export interface LinkMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Where a reply is awaited. */
  readonly reply: string | undefined;
  /** Not a message: the server says that nobody subscribes to the subject of a request. */
  readonly isNoResponders: boolean;
}

export interface LinkEvents {
  /** Once, when the connection is gone. */
  lost(why: string): void;
  /** The server did not allow something; the connection goes on. */
  refused(why: string): void;
}

/** One connection to one server, from its opening to its end. It never reconnects. */
export interface Link {
  readonly server: string;
  /** What this server takes. */
  readonly payloadBytesMax: number;
  /** False from the end of the connection on, a moment before `lost` says so. */
  readonly isOpen: boolean;
  /** Only while it is open. Keeps `payload` until the present turn is over. */
  publish(subject: string, payload: Uint8Array, reply: string | undefined): void;
  /**
   * `receive` is called from within the parser: it must not throw. Returns how to unsubscribe. Does nothing when the
   * connection has just ended.
   */
  subscribe(subject: string, queue: string | undefined, receive: (message: LinkMessage) => void): () => void;
  /** Resolves when the server has taken all that was published before; never when the connection ends first. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A ping is sent this often, and the connection given up when it is still unanswered at the next one: a hung server is
 * noticed within twice this time, before three heartbeats of 1 s are missed.
 */
const PING_INTERVAL_MS = 700;

/** Connects. Rejects with the reason when that fails or takes longer than `timeoutMs`. This file alone knows `nats`. */
export async function openLink(
  address: ServerAddress,
  name: string,
  timeoutMs: number,
  events: LinkEvents,
  credentials: Credentials | undefined,
): Promise<Link> {
  const connection = await connect({
    servers: [showAddress(address)],
    name,
    timeout: timeoutMs,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 1,
    // Reconnecting is ours: theirs keeps what is published meanwhile, and a socket that ends late breaks a live connection.
    reconnect: false,
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    // Names are resolved by the system, not by DNS alone: /etc/hosts counts.
    resolve: false,
    ...(address.user === undefined ? {} : { user: address.user, pass: address.pass ?? "" }),
    ...(credentials && { authenticator: jwtAuthenticator(credentials.jwt, Buffer.from(credentials.seed)) }),
  });
  watch(connection, events);
  return {
    server: showAddress(address),
    payloadBytesMax: connection.info?.max_payload ?? 0,
    get isOpen() {
      return !connection.isClosed();
    },
    publish(subject, payload, reply) {
      connection.publish(subject, payload, reply === undefined ? {} : { reply });
    },
    subscribe(subject, queue, receive) {
      if (connection.isClosed()) return () => {};
      const subscription = connection.subscribe(subject, {
        ...(queue === undefined ? {} : { queue }),
        // An error here is a refused subscription, which is reported by the status too.
        callback: (error, message) => {
          if (error === null) receive(read(message));
        },
      });
      return () => subscription.unsubscribe();
    },
    flush: () => connection.flush(),
    close: () => connection.close(),
  };
}

const NO_RESPONDERS = 503;

function read(message: Msg): LinkMessage {
  const { data } = message;
  return {
    subject: message.subject,
    payload: data,
    reply: message.reply || undefined,
    isNoResponders: data.length === 0 && message.headers?.code === NO_RESPONDERS,
  };
}

function watch(connection: NatsConnection, events: LinkEvents): void {
  let isLost = false;
  const lose = (why: string): void => {
    if (isLost) return;
    isLost = true;
    events.lost(why);
  };
  // The status below comes in the microtasks after this and may know better why.
  void connection.closed().then((error) => setImmediate(() => lose(error?.message ?? "the connection was closed")));
  void (async () => {
    for await (const { type, data, permissionContext } of connection.status()) {
      if (type === "staleConnection") {
        lose(`no answer to a ping within ${PING_INTERVAL_MS} ms`);
        // Left to itself it would first wait until all that is in the socket has left, which it may never do.
        await connection.close();
      } else if (type === "error") {
        const what = permissionContext ? `: ${permissionContext.operation} ${permissionContext.subject}` : "";
        events.refused(`${typeof data === "string" ? data : "refused"}${what}`);
      }
    }
  })();
}
