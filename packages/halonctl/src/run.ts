import { CommanderError } from "commander";
import { ClientError } from "./client.ts";
import { OfflineError } from "./offline/offline-error.ts";
import { program } from "./program.ts";
import type { World } from "./terminal.ts";

export const EXIT_CODES = { ok: 0, failed: 1, misuse: 2, unreachable: 3 } as const;

/** Runs `halonctl` with these arguments; resolves with the exit code. Everything that goes wrong is said in one place: here. */
export async function run(args: readonly string[], world: World): Promise<number> {
  const say = (message: string): unknown => world.err.write(`halonctl: ${message}\n`);
  let code: number = EXIT_CODES.ok;
  try {
    const made = program(world, () => {
      code = EXIT_CODES.failed;
    });
    await made.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    // Commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.misuse;
    if (!(error instanceof ClientError || error instanceof OfflineError)) throw error;
    say(error.message);
    return error instanceof ClientError && error.code === "unreachable" ? EXIT_CODES.unreachable : EXIT_CODES.failed;
  }
}
