import { fileURLToPath } from "node:url";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  setLogVerbosity,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import type { Clock } from "@halon/runtime";
import { HealthImplementation } from "grpc-health-check";
import { ApiError } from "./api-error.ts";
import { CallScopes } from "./call-scope.ts";
import type { Handlers } from "./handlers.ts";
import type { QueueHandlers } from "./queue-handlers.ts";

export interface ApiServer {
  /** The port that is listened on. */
  readonly port: number;
  /** Tells those who wait that it is over, and closes. Resolves when all connections are gone. */
  stop(): Promise<void>;
}

export interface ApiServerOptions {
  /** `127.0.0.1:15001`; with port 0 the system chooses one. */
  readonly address: string;
  readonly clock: Clock;
  /** Something that is our own bug: the caller is told `INTERNAL`, the service's log the rest. */
  readonly onBug: (error: unknown) => void;
}

export const SERVICE = "halon.v1.Halon";
/** Largest request: an event of 192 KiB, or a text of 128 Ki characters of four bytes, and some room. */
export const REQUEST_BYTES_MAX = 1024 * 1024;
/** Calls that one connection may have open. */
const STREAMS_MAX = 256;
/** An answer is sent this long before the caller's deadline, so that it arrives and says what is known. */
const ANSWER_MS = 100;
const STOP_MS = 1_000;

type Call = ServerUnaryCall<unknown, unknown>;
type Unary = (call: Call, reply: sendUnaryData<unknown>) => void;

/** Serves the handlers over gRPC, with health checking and reflection. Rejects when the address cannot be listened on. */
export async function serveApi(handlers: Handlers, options: ApiServerOptions): Promise<ApiServer> {
  const { address, clock, onBug } = options;
  // The library writes to standard error what it also answers.
  setLogVerbosity(logVerbosity.NONE);
  const path = fileURLToPath(import.meta.resolve("@halon/proto/api/halon/v1/halon.proto"));
  const definition = loadSync(path, { longs: Number, enums: String, defaults: true, arrays: true, oneofs: true });
  const scopes = new CallScopes(clock);
  const unary =
    (run: (request: never, signal: AbortSignal) => unknown): Unary =>
    (call, reply) => {
      const hold = (cancel: () => void): unknown => call.once("cancelled", cancel);
      const fail = (error: unknown): void => {
        if (error instanceof ApiError) return reply({ code: status[error.code], details: error.message });
        onBug(error);
        reply({ code: status.INTERNAL, details: "a mistake in Halon itself: see the log of this station" });
      };
      scopes
        .run(patienceOf(call), hold, (signal) => run(call.request as never, signal))
        .then((value) => reply(null, value), fail);
    };
  const implementation: UntypedServiceImplementation = {
    GetStatus: unary(() => handlers.getStatus()),
    SubmitEvent: unary((request: Parameters<Handlers["submitEvent"]>[0], signal) =>
      handlers.submitEvent(request, signal),
    ),
    GetQueue: unary(() => handlers.queue.getQueue()),
    PeekEvents: unary((request: Parameters<QueueHandlers["peekEvents"]>[0]) => handlers.queue.peekEvents(request)),
    ClearEvents: unary((request: Parameters<QueueHandlers["clearEvents"]>[0]) => handlers.queue.clearEvents(request)),
    QueryGraph: unary((request: Parameters<Handlers["queryGraph"]>[0]) => handlers.queryGraph(request)),
    Apply: unary((request: Parameters<Handlers["apply"]>[0], signal) => handlers.apply(request, signal)),
    ListStations: unary(() => handlers.listStations()),
    ChangeStations: unary((request: Parameters<Handlers["changeStations"]>[0], signal) =>
      handlers.changeStations(request, signal),
    ),
    ListServices: unary((request: Parameters<Handlers["listServices"]>[0]) => handlers.listServices(request)),
  };
  const server = new Server({
    "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
    "grpc.max_concurrent_streams": STREAMS_MAX,
  });
  server.addService(definition[SERVICE] as ServiceDefinition, implementation);
  const health = new HealthImplementation({ "": "SERVING", [SERVICE]: "SERVING" });
  health.addToServer(server);
  new ReflectionService(definition).addToServer(server);
  const port = await listen(server, address);
  return {
    port,
    stop: () => {
      for (const name of ["", SERVICE]) health.setStatus(name, "NOT_SERVING");
      scopes.stop();
      return close(server, clock);
    },
  };
}

/** How long the caller waits, less the way back. */
function patienceOf(call: Call): number {
  const deadline = Number(call.getDeadline());
  return Math.max(0, deadline - Date.now() - ANSWER_MS);
}

const listen = (server: Server, address: string): Promise<number> =>
  new Promise((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );

const close = (server: Server, clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    const cancel = clock.at(clock.nowMs() + STOP_MS, () => server.forceShutdown());
    server.tryShutdown(() => {
      cancel();
      resolve();
    });
  });
