import { fileURLToPath } from "node:url";
import {
  type Client,
  connectivityState,
  credentials,
  loadPackageDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { ClearReply, ClearRequest, EventsReply, QueueReply } from "./queue-replies.ts";
import type { ApplyReply, ChangeReply, GraphReply, ServicesReply, StationsReply, StatusReply } from "./replies.ts";

export type ClientErrorCode =
  /** No station could be connected to. */
  | "unreachable"
  /** A station said no. */
  | "refused"
  /** The answer did not come: what was asked for may have happened, or happen yet. */
  | "unknown";

/** A call that came to nothing; the message says what to do. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface ClientOptions {
  /** `host:port` of stations, in the order in which they are tried. */
  readonly addresses: readonly string[];
  /** How long one call may take. */
  readonly timeoutMs: number;
}

/** A station that has not said hello by then is passed over: its machine is gone, or it hangs. */
const HELLO_MS_MAX = 1_000;
const REPLY_BYTES_MAX = 32 * 1024 * 1024;

type Methods = Client &
  Record<
    string,
    (request: object, options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void) => void
  >;

/** Calls stations over one connection: to the first that answers. */
export class HalonClient {
  readonly #options: ClientOptions;
  #connection: Promise<{ readonly address: string; readonly methods: Methods }> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  getStatus(): Promise<StatusReply> {
    return this.#call("GetStatus", {}) as Promise<StatusReply>;
  }

  async submitEvent(type: string, payload: Uint8Array, priority: string): Promise<void> {
    await this.#call("SubmitEvent", { type, payload, priority });
  }

  getQueue(): Promise<QueueReply> {
    return this.#call("GetQueue", {}) as Promise<QueueReply>;
  }

  peekEvents(request: { readonly after: number; readonly limit: number }): Promise<EventsReply> {
    return this.#call("PeekEvents", request) as Promise<EventsReply>;
  }

  clearEvents(request: ClearRequest): Promise<ClearReply> {
    return this.#call("ClearEvents", request) as Promise<ClearReply>;
  }

  queryGraph(request: { type: string; id: string; after: string; limit: number }): Promise<GraphReply> {
    return this.#call("QueryGraph", request) as Promise<GraphReply>;
  }

  apply(text: string, prune: boolean): Promise<ApplyReply> {
    return this.#call("Apply", { text, prune }) as Promise<ApplyReply>;
  }

  listStations(): Promise<StationsReply> {
    return this.#call("ListStations", {}) as Promise<StationsReply>;
  }

  changeStations(change: { readonly add: string; readonly remove: string }): Promise<ChangeReply> {
    return this.#call("ChangeStations", change) as Promise<ChangeReply>;
  }

  listServices(after: string): Promise<ServicesReply> {
    return this.#call("ListServices", { after }) as Promise<ServicesReply>;
  }

  /** The process can end. */
  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.methods.close();
  }

  async #call(method: string, request: object): Promise<unknown> {
    this.#connection ??= this.#connect();
    const { address, methods } = await this.#connection;
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) =>
      methods[method]?.(request, { deadline: Date.now() + timeoutMs }, (error, reply) =>
        error ? reject(explained(error, address, timeoutMs)) : resolve(reply),
      ),
    );
  }

  async #connect(): Promise<{ address: string; methods: Methods }> {
    const { addresses, timeoutMs } = this.#options;
    const Halon = halonClient();
    const failures: string[] = [];
    for (const address of addresses) {
      const methods = new Halon(address, credentials.createInsecure(), {
        "grpc.max_receive_message_length": REPLY_BYTES_MAX,
        // Stations are near: a proxy for the world outside is not on the way to them.
        "grpc.enable_http_proxy": 0,
      });
      const why = await hello(methods, Math.min(timeoutMs, HELLO_MS_MAX));
      if (why === undefined) return { address, methods };
      methods.close();
      failures.push(`${address} (${why})`);
    }
    throw new ClientError(
      "unreachable",
      `no station answers at ${failures.join(", ")}. Are stations running there, with this apiAddress? ` +
        "Name others by --address HOST:PORT,… or HALON_API",
    );
  }
}

function halonClient(): new (...args: ConstructorParameters<typeof Client>) => Methods {
  const path = fileURLToPath(import.meta.resolve("@halon/proto/api/halon/v1/halon.proto"));
  const definition = loadSync(path, { longs: Number, enums: String, defaults: true, arrays: true, oneofs: true });
  // The package's tree is typed by nothing: what the file declares is in it.
  const { halon } = loadPackageDefinition(definition) as unknown as {
    halon: { v1: { Halon: new (...args: ConstructorParameters<typeof Client>) => Methods } };
  };
  return halon.v1.Halon;
}

/** Resolves with why there is no connection, or with nothing. A refused one is tried once only. */
function hello(client: Client, spanMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const deadline = Date.now() + spanMs;
    const channel = client.getChannel();
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return resolve(undefined);
      if (state === connectivityState.TRANSIENT_FAILURE) return resolve("no connection");
      channel.watchConnectivityState(state, deadline, (error) => (error ? resolve(`silent for ${spanMs} ms`) : look()));
    };
    look();
  });
}

function explained({ code, details }: ServiceError, address: string, timeoutMs: number): ClientError {
  // What the station itself wrote says more than this could.
  if (code === status.DEADLINE_EXCEEDED && !/^Deadline exceeded/i.test(details))
    return new ClientError("unknown", details);
  if (code === status.DEADLINE_EXCEEDED)
    return new ClientError("unknown", `${address} has not answered within ${timeoutMs} ms: ${NOT_KNOWN}`);
  if (code === status.UNAVAILABLE || code === status.CANCELLED || code === status.UNKNOWN)
    return new ClientError("unknown", `${address} went away (${details}): ${NOT_KNOWN}`);
  return new ClientError("refused", details);
}
const NOT_KNOWN = "whether it did what was asked for is not known. Look, then ask again or ask another station";
