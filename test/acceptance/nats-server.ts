import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const START_MS = 15_000;
const POLL_MS = 10;
const OUTPUT_CHARS_MAX = 8_192;

const MISSING =
  "nats-server is not on the PATH: install it (Debian: `apt-get install nats-server`, macOS: `brew install nats-server`, " +
  "else a release of github.com/nats-io/nats-server) and run the tests again.";

/** A real nats-server on a port of its own, for tests. It dies with the test process. */
export class NatsServer {
  readonly port: number;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
    process.once("exit", () => this.#process?.kill("SIGKILL"));
  }

  /** Starts one, with further command line arguments, and resolves when it greets. */
  static async start(...args: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), args);
    await server.restart();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it again, on the same port, after `stop` or `kill`. */
  async restart(): Promise<void> {
    if (this.#process !== undefined) throw new Error("nats-server is running: stop or kill it first");
    const child = spawn("nats-server", ["-a", "127.0.0.1", "-p", `${this.port}`, ...this.#args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_CHARS_MAX);
    });
    let failure: Error | undefined;
    child.once("error", (error: NodeJS.ErrnoException) => {
      failure = error.code === "ENOENT" ? new Error(MISSING) : error;
    });
    child.once("exit", (code, signal) => {
      failure ??= new Error(`nats-server ended with ${signal ?? code} before it answered:\n${output}`);
    });
    this.#process = child;
    const deadline = Date.now() + START_MS;
    while (!(await greets(this.port))) {
      if (failure === undefined && Date.now() > deadline)
        failure = new Error(`nats-server does not answer on port ${this.port} after ${START_MS} ms:\n${output}`);
      if (failure !== undefined) {
        this.#process = undefined;
        child.kill("SIGKILL");
        throw failure;
      }
      await wait(POLL_MS);
    }
  }

  /** Ends it in good order and waits until it is gone. Does nothing when it is not running. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** kill -9. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** SIGSTOP: connections stay, nothing is answered. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  /** Ends a pause. */
  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const ended = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    await ended;
  }
}

/**
 * A free port below the range from which the system takes ports for outgoing connections: there another process could
 * get it while the server is down, or a client that dials it could be connected to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (isGreeted: boolean): void => {
      socket.destroy();
      resolve(isGreeted);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("data", () => end(true));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
