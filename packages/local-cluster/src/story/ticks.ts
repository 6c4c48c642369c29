import { readFileSync } from "node:fs";

/** What the exclusive example has written, checked: faults found, one sentence each. No file, no faults. */
export function tickFaults(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return faultsIn(text.split("\n"));
}

/**
 * Lines `wall-ms token pid node tick`, in the order in which they were written. Once a process has ticked, none before it
 * may tick again, and no token may be lower than one before it.
 */
export function faultsIn(lines: readonly string[]): readonly string[] {
  const faults = new Set<string>();
  const over = new Set<string>();
  let present: string | undefined;
  let highest = 0;
  for (const line of lines) {
    const [, token, pid, node] = line.split(" ");
    if (token === undefined || pid === undefined || node === undefined) continue;
    const who = `process ${pid} on ${node}`;
    if (over.has(who)) faults.add(`${who} ticked again after another had begun: two ran at the same time`);
    else if (present !== who) {
      if (present !== undefined) over.add(present);
      present = who;
    }
    if (Number(token) < highest) faults.add(`${who} has fencing token ${token}, which is below ${highest}`);
    highest = Math.max(highest, Number(token));
  }
  return [...faults];
}
