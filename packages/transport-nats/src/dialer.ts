import { setTimeout as wait } from "node:timers/promises";
import { fraction, systemClock, systemRandom, TransportError } from "@halon/runtime";
import { type ServerAddress, showAddress } from "./address.ts";
import type { Credentials } from "./credentials.ts";
import { type Link, type LinkEvents, openLink } from "./link.ts";
import { probe } from "./probe.ts";

/** What happens to the connection, for the log. */
export type NatsReport =
  | { readonly kind: "waiting"; readonly servers: string; readonly waitedMs: number; readonly why: string }
  | { readonly kind: "connected"; readonly server: string }
  | { readonly kind: "lost"; readonly server: string; readonly why: string }
  /** The server did not allow something, and said so. */
  | { readonly kind: "refused"; readonly server: string; readonly why: string };

/** Per attempt, for the greeting and again for the connection. */
const ANSWER_MS = 2_000;
/** Attempts are spread over a span that doubles from the first to the last, lest all clients come back at once. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_LAST_MS = 500;
/** A lasting wait is reported this often. */
const WAITING_REPORT_MS = 5_000;

/** Finds a server that answers, for as long as it takes. */
export class Dialer {
  readonly #addresses: readonly ServerAddress[];
  readonly #name: string;
  readonly #report: (report: NatsReport) => void;
  readonly #credentials: () => Credentials | undefined;
  #next: number;

  /** `credentials`: read anew for each attempt, as they may have been renewed; what it throws is why the attempt fails. */
  constructor(
    addresses: readonly ServerAddress[],
    name: string,
    report: (report: NatsReport) => void,
    credentials: () => Credentials | undefined,
  ) {
    this.#addresses = addresses;
    this.#name = name;
    this.#report = report;
    this.#credentials = credentials;
    this.#next = Math.floor(fraction(systemRandom) * addresses.length);
  }

  /** Tries the servers in turn until one answers. Rejects with `unreachable` only when `signal` gives up. */
  async dial(signal: AbortSignal, events: LinkEvents): Promise<Link> {
    const startMs = systemClock.nowMs();
    const servers = this.#addresses.map(showAddress).join(", ");
    let why = "not tried yet";
    let reportAtMs = startMs;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const address = this.#addresses[this.#next++ % this.#addresses.length] as ServerAddress;
      try {
        return await this.#attempt(address, signal, events);
      } catch (error) {
        // Of an attempt that was broken off, only if there was no other.
        if (!signal.aborted || attempt === 0)
          why = `${showAddress(address)}: ${error instanceof Error ? error.message : String(error)}`;
      }
      const nowMs = systemClock.nowMs();
      if (nowMs >= reportAtMs && !signal.aborted) {
        this.#report({ kind: "waiting", servers, waitedMs: Math.round(nowMs - startMs), why });
        reportAtMs = nowMs + WAITING_REPORT_MS;
      }
      await pause(attempt, signal);
    }
    const waitedMs = Math.round(systemClock.nowMs() - startMs);
    throw new TransportError("unreachable", `no NATS server at ${servers} after ${waitedMs} ms (${why}): start one`);
  }

  async #attempt(address: ServerAddress, signal: AbortSignal, events: LinkEvents): Promise<Link> {
    await probe(address, ANSWER_MS, signal);
    const link = await openLink(address, this.#name, ANSWER_MS, events, this.#credentials());
    if (!signal.aborted) return link;
    await link.close();
    throw new Error("given up");
  }
}

async function pause(attempt: number, signal: AbortSignal): Promise<void> {
  const spanMs = Math.min(RECONNECT_LAST_MS, RECONNECT_FIRST_MS * 2 ** attempt);
  await wait(1 + fraction(systemRandom) * spanMs, undefined, { signal }).catch(() => {});
}
