import { get } from "node:http";

/** An answer that takes longer is none. */
const ANSWER_MS = 1_000;
const BODY_CHARS_MAX = 4_096;

/** What an instance says of itself on `/health`. */
export interface HealthAnswer {
  readonly instance: string;
  readonly pid: number;
}

/** Asks an instance on this machine. `undefined`: it does not answer, or says that it is not well. */
export function askHealth(port: number, timeoutMs = ANSWER_MS): Promise<HealthAnswer | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/health", agent: false, timeout: timeoutMs }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body = (body + chunk).slice(0, BODY_CHARS_MAX);
      });
      response.once("end", () => resolve(response.statusCode === 200 ? parseHealth(body) : undefined));
      response.once("error", () => resolve(undefined));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(undefined));
    request.once("close", () => resolve(undefined));
  });
}

/** Any program may answer in its own words: only what ours say is read. */
function parseHealth(body: string): HealthAnswer {
  try {
    const { instance, pid } = JSON.parse(body) as Partial<HealthAnswer>;
    return { instance: typeof instance === "string" ? instance : "", pid: typeof pid === "number" ? pid : 0 };
  } catch {
    return { instance: "", pid: 0 };
  }
}
