import { systemClock, systemRandom, TransportError } from "@halon/runtime";
import { type NatsReport, openTransportNats } from "@halon/transport-nats";
import { ClientError } from "./client-error.ts";
import { checkOptions, HalonClient, type HalonClientOptions } from "./halon-client.ts";

export interface ConnectOptions extends HalonClientOptions {
  /** `nats://[user:pass@]host[:port]`, servers of one NATS cluster. */
  readonly servers: readonly string[];
  /** Path of a NATS `.creds` file. */
  readonly credentials?: string | undefined;
  /** Gives up connecting; {@link CONNECT_MS} when left out. Later losses are waited out. */
  readonly signal?: AbortSignal;
  /** Told what happens to the connection. */
  readonly onReport?: (report: NatsReport) => void;
}

/** How long the first connection may take. */
export const CONNECT_MS = 10_000;

/** Opens a client over NATS; reconnects by itself from then on. Throws `bad-option`, and `refused` when no server lets it in. */
export async function connect({ signal, ...options }: ConnectOptions): Promise<HalonClient> {
  checkOptions(options);
  const { name, servers, credentials, onReport } = options;
  try {
    const transport = await openTransportNats({
      ...{ name, servers, credentials, signal: signal ?? AbortSignal.timeout(CONNECT_MS) },
      ...(onReport && { onReport }),
    });
    return new HalonClient(options, { clock: systemClock, random: systemRandom, transport });
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause;
    throw new ClientError(cause.code === "unreachable" ? "refused" : "bad-option", cause.message, { cause });
  }
}
