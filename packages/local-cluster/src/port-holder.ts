import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { allPids } from "./process-table.ts";

/** Who listens on a TCP port of this machine, as far as this user may know: `nats-server (pid 12)`. */
export function holderOfPort(port: number): string | undefined {
  const inode = listeningInode(port);
  if (inode === undefined) return undefined;
  for (const pid of allPids()) {
    try {
      const isIt = (fd: string): boolean => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
      if (!readdirSync(`/proc/${pid}/fd`).some(isIt)) continue;
      return `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (pid ${pid})`;
    } catch {
      // Gone meanwhile, or somebody else's.
    }
  }
  return undefined;
}

const LISTENING = "0A";

function listeningInode(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    let lines: readonly string[] = [];
    try {
      lines = readFileSync(table, "latin1").split("\n");
    } catch {
      continue;
    }
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hex}`) && fields[3] === LISTENING) return fields[9];
    }
  }
  return undefined;
}
