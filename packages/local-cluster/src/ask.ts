import { setTimeout as wait } from "node:timers/promises";
import { askLauncher } from "./control.ts";
import { LocalError } from "./local-error.ts";
import { lockHolder } from "./lock.ts";
import { follow, tailOf } from "./log-tail.ts";
import type { Invocation } from "./options.ts";
import { stateDirAt } from "./state-dir.ts";

const STOP_MS = 30_000;
const POLL_MS = 100;

type Asking = Invocation & { readonly kind: "verb" | "logs" | "status" | "stop" };

/** Has the running launcher do something. Returns the exit code. */
export async function ask(asking: Asking): Promise<number> {
  const dir = stateDirAt(asking.dir);
  const verb = asking.kind === "verb" ? asking.verb : asking.kind === "status" && asking.isJson ? "json" : asking.kind;
  const target = asking.kind === "verb" || asking.kind === "logs" ? asking.target : "";
  const reply = await askLauncher(dir.socket, { verb, target });
  if (reply === undefined) {
    const holder = lockHolder(dir.lock);
    throw new LocalError(
      holder === undefined
        ? `no cluster runs in ${dir.path}: start one with \`npm start\`; logs of an earlier one lie in ${dir.logs}`
        : `the launcher (process ${holder.pid}) does not take requests: it is just starting or stopping, try again`,
    );
  }
  if (!reply.isDone) throw new LocalError(reply.text);
  if (asking.kind === "logs") return showLog(reply.text, asking.lines, asking.isFollowed);
  process.stdout.write(`${reply.text}\n`);
  if (asking.kind === "stop") await untilStopped(dir.lock);
  return 0;
}

async function untilStopped(lock: string): Promise<void> {
  const endMs = performance.now() + STOP_MS;
  while (lockHolder(lock) !== undefined) {
    if (performance.now() > endMs) throw new LocalError(`it has not stopped within ${STOP_MS / 1_000} s`);
    await wait(POLL_MS);
  }
  process.stdout.write("stopped\n");
}

async function showLog(path: string, lines: number, isFollowed: boolean): Promise<number> {
  process.stderr.write(`${path}\n`);
  let tail: ReturnType<typeof tailOf>;
  try {
    tail = tailOf(path, lines);
  } catch (error) {
    throw new LocalError(`there is no log yet: ${(error as Error).message}`);
  }
  process.stdout.write(tail.text);
  if (!isFollowed) return 0;
  const over = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => over.abort());
  process.stdout.once("error", () => over.abort());
  await follow(path, tail.end, (text) => process.stdout.write(text), over.signal);
  return 0;
}
