import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** What another terminal asks of the running launcher. */
export interface ControlRequest {
  readonly verb: string;
  readonly target: string;
}

export interface ControlReply {
  readonly isDone: boolean;
  readonly text: string;
}

const REQUEST_CHARS_MAX = 4_096;
/** Terminals that may ask at a time. */
const CONNECTIONS_MAX = 32;

/** Takes requests on a socket in the state directory, one line of JSON each way. */
export class ControlServer {
  readonly #server: Server;
  readonly #path: string;

  private constructor(path: string, handle: (request: ControlRequest) => Promise<ControlReply>) {
    this.#path = path;
    this.#server = createServer((socket) => serve(socket, handle));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** The lock of the state directory must be held: a socket that lies there is a dead launcher's. */
  static open(path: string, handle: (request: ControlRequest) => Promise<ControlReply>): Promise<ControlServer> {
    rmSync(path, { force: true });
    const control = new ControlServer(path, handle);
    return new Promise((resolve, reject) => {
      control.#server.once("error", reject);
      control.#server.listen(path, () => resolve(control));
    });
  }

  close(): void {
    this.#server.close();
    rmSync(this.#path, { force: true });
  }
}

function serve(socket: Socket, handle: (request: ControlRequest) => Promise<ControlReply>): void {
  socket.on("error", () => socket.destroy());
  const lines = createInterface({ input: socket });
  lines.on("error", () => undefined);
  lines.once("line", (line) => {
    const reply = (said: ControlReply): void => void socket.end(`${JSON.stringify(said)}\n`);
    const request = parseRequest(line);
    if (request === undefined) return reply({ isDone: false, text: "a request that this launcher does not know" });
    handle(request).then(reply, (error: unknown) =>
      reply({ isDone: false, text: error instanceof Error ? error.message : String(error) }),
    );
  });
}

/** `undefined` for anything else than a request. */
export function parseRequest(line: string): ControlRequest | undefined {
  if (line.length > REQUEST_CHARS_MAX) return undefined;
  try {
    const { verb, target } = JSON.parse(line) as Partial<ControlRequest>;
    return typeof verb === "string" && typeof target === "string" ? { verb, target } : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the launcher that listens there. `undefined`: none does, or it went away before it answered. */
export function askLauncher(path: string, request: ControlRequest): Promise<ControlReply | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = "";
    socket.setEncoding("utf8");
    socket.once("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    socket.once("error", () => resolve(undefined));
    socket.once("close", () => {
      try {
        resolve(JSON.parse(text) as ControlReply);
      } catch {
        resolve(undefined);
      }
    });
  });
}
