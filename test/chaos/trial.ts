import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chance, SEED_MAX } from "@halon/simulation";
import { ListHistory } from "../simulation/list-history.ts";

const { HALON_CHAOS_ROUNDS = "1", HALON_CHAOS_SEED = `${randomInt(SEED_MAX)}` } = process.env;

/** Times through all faults. */
export const rounds = Number(HALON_CHAOS_ROUNDS);
if (!(Number.isInteger(rounds) && rounds > 0))
  throw new Error(`HALON_CHAOS_ROUNDS=${HALON_CHAOS_ROUNDS}: set it to a whole number above 0`);
export const seed = Number(HALON_CHAOS_SEED);
export const chance = new Chance(seed);

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Does it with a history. When it fails, says how to do it again, and where the history is. */
export async function recorded(act: (history: ListHistory) => Promise<void>): Promise<void> {
  const lines: string[] = [];
  const history = new ListHistory({ at: () => performance.now(), write: (line) => void lines.push(line) });
  try {
    await act(history);
  } catch (cause) {
    const file = join(tmpdir(), `halon-chaos-${process.pid}.jsonl`);
    writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
    const replay = `HALON_CHAOS_SEED=${seed} HALON_CHAOS_ROUNDS=${rounds} npm test -- test/chaos`;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${why}\nhistory: ${file}\nreplay: ${replay}`, { cause });
  }
}
