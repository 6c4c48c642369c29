import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Which way bytes go: `up` is from who dials to the server. */
export interface Ways {
  readonly up: boolean;
  readonly down: boolean;
}

const OPEN: Ways = { up: true, down: true };

/** One connection through the link: `near` is who dialled. */
interface Passage {
  readonly near: Socket;
  /** `undefined` until both ways were open once. */
  far: Socket | undefined;
}

/**
 * A link to a server that can be cut, both ways or one. A cut is silence, as of a network: nothing is closed, nobody is
 * told, and what was sent waits and arrives when the link is whole again, before what is sent then.
 */
export class ProxyLink {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #passages = new Set<Passage>();
  #ways = OPEN;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (near) => this.#onDial(near));
  }

  static async open(targetPort: number): Promise<ProxyLink> {
    const server = createServer({ pauseOnConnect: true });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new ProxyLink(server, targetPort);
  }

  get url(): string {
    const { port } = this.#server.address() as { readonly port: number };
    return `nats://127.0.0.1:${port}`;
  }

  get ways(): Ways {
    return this.#ways;
  }

  cut(ways: Ways = { up: false, down: false }): void {
    this.#ways = ways;
    for (const passage of this.#passages) this.#settle(passage);
  }

  restore(): void {
    this.cut(OPEN);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const { near, far } of this.#passages) for (const socket of [near, far]) socket?.destroy();
    await closed;
  }

  #onDial(near: Socket): void {
    const passage: Passage = { near, far: undefined };
    this.#passages.add(passage);
    this.#watch(passage, near);
    this.#settle(passage);
  }

  /** Makes a passage what the link is. */
  #settle(passage: Passage): void {
    const { up, down } = this.#ways;
    const { near } = passage;
    // To connect takes both ways.
    if (passage.far === undefined && up && down && !near.destroyed) {
      passage.far = connect(this.#targetPort, "127.0.0.1");
      passage.far.setNoDelay(true);
      near.setNoDelay(true);
      this.#watch(passage, passage.far);
    }
    const { far } = passage;
    if (far !== undefined) {
      flow(near, far, up);
      flow(far, near, down);
    }
    this.#maybeEnd(passage);
  }

  #watch(passage: Passage, socket: Socket): void {
    // Whatever it was, the end follows.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#maybeEnd(passage));
  }

  /** The end of one side is the end of the other, once that can be heard there. */
  #maybeEnd(passage: Passage): void {
    const { near, far } = passage;
    const { up, down } = this.#ways;
    if (near.destroyed && (up || far === undefined)) far?.destroy();
    else if (far?.destroyed && down) near.destroy();
    else return;
    this.#passages.delete(passage);
  }
}

function flow(from: Socket, to: Socket, isOpen: boolean): void {
  from.unpipe(to);
  if (isOpen) from.pipe(to);
  else from.pause();
}
