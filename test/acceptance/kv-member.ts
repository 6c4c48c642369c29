import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { until } from "./station-group.ts";

const CALL_MS = 15_000;

export interface KvStatus {
  readonly role: string;
  readonly leader?: string;
  readonly members?: readonly string[];
  readonly applied: number;
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map(async (server) => await once(server.close(), "close")));
  return ports;
}

/** One member of the example's store as a process, over its lives. */
export class KvMember {
  readonly id: string;
  readonly dir: string;
  readonly #project: string;
  readonly #peers: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  output = "";

  constructor(id: string, project: string, peers: string, port: number) {
    this.id = id;
    this.dir = join(project, "data", id);
    this.#project = project;
    this.#peers = peers;
    this.#port = port;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  start(...flags: readonly string[]): void {
    const own = ["--id", this.id, "--peers", this.#peers, "--http", `127.0.0.1:${this.#port}`, "--dir", this.dir];
    const child = spawn(process.execPath, ["kv-store.mjs", ...own, ...flags], { cwd: this.#project });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    this.#child = child;
  }

  /** Resolves when it is gone, with its exit code. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.id} does not run`);
    this.#child = undefined;
    const closed = child.exitCode === null && child.signalCode === null ? once(child, "close") : undefined;
    if (signal !== undefined) child.kill(signal);
    await closed;
    return child.exitCode;
  }

  /** `undefined` when it does not answer. */
  async call(method: string, path: string, body?: string): Promise<{ status: number; text: string } | undefined> {
    const options = { method, signal: AbortSignal.timeout(CALL_MS), ...(body !== undefined && { body }) };
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, options);
      return { status: response.status, text: await response.text() };
    } catch {
      return undefined;
    }
  }

  /** The value of a key; waits for an answer. */
  read(key: string, query = ""): Promise<string> {
    return until(
      async () => {
        const answer = await this.call("GET", `/kv/${key}${query}`);
        return answer?.status === 200 || answer?.status === 404 ? `${answer.status} ${answer.text}` : undefined;
      },
      () => `${this.id} does not answer: ${this.output}`,
    );
  }

  async status(): Promise<KvStatus | undefined> {
    const answer = await this.call("GET", "/status");
    return answer === undefined ? undefined : (JSON.parse(answer.text) as KvStatus);
  }
}
