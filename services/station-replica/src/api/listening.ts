import type { Cancel, Clock } from "@halon/runtime";
import type { Logger } from "@halon/service-kit";
import { type ApiServer, serveApi } from "./api-server.ts";
import type { Handlers } from "./handlers.ts";

export interface ListeningPorts {
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
}

/** An address that cannot be listened on is tried again this often. */
const LISTEN_AGAIN_MS = 1_000;

/** Listens as soon as the address can be had. */
export class Listening {
  readonly #handlers: Handlers;
  readonly #address: string;
  readonly #ports: ListeningPorts;
  #server: ApiServer | undefined;
  #why = "";
  #isStopped = false;
  #cancel: Cancel = () => undefined;

  constructor(handlers: Handlers, address: string, ports: ListeningPorts) {
    this.#handlers = handlers;
    this.#address = address;
    this.#ports = ports;
  }

  get status(): Readonly<Record<string, unknown>> {
    return this.#server === undefined ? { api: "off", apiWhy: this.#why } : { api: this.#bound(this.#server) };
  }

  /** Resolves after the first try. */
  async begin(): Promise<void> {
    const { clock, log } = this.#ports;
    const onBug = (err: unknown): void => log.error({ err }, "a call of the API failed");
    try {
      const server = await serveApi(this.#handlers, { address: this.#address, clock, onBug });
      if (this.#isStopped) return await server.stop();
      this.#server = server;
      log.info(`the API listens at ${this.#bound(server)}`);
    } catch (error) {
      if (this.#isStopped) return;
      const why = `the API cannot listen at ${this.#address}: ${(error as Error).message}. Give another apiAddress, or end who has it`;
      // Once is enough: it is tried every second.
      if (why !== this.#why) log.warn(why);
      this.#why = why;
      this.#cancel = clock.at(clock.nowMs() + LISTEN_AGAIN_MS, () => void this.begin());
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#server?.stop();
  }

  #bound({ port }: ApiServer): string {
    return this.#address.replace(/:\d+$/, `:${port}`);
  }
}
