import { readFileSync, writeSync } from "node:fs";
import type { z } from "zod";
import { tellStandardError } from "../log/standard-error.ts";
import type { ConfigDefinition } from "./definition.ts";
import { loadConfig } from "./load.ts";

/** Of every process of Halon: 1 is a failure while running, 2 a mistake of whoever started it. */
export const EXIT_CODE_MISTAKE = 2;

const STDOUT = 1;

/**
 * Loads the configuration of this process. Prints help and ends with 0 where that was asked for; prints all mistakes and
 * ends with 2 where there are any.
 */
export function configOrExit<Schema extends z.ZodObject>(
  definition: ConfigDefinition<Schema>,
): { readonly command: string; readonly config: z.output<Schema> } {
  const readFile = (path: string): string => readFileSync(path, "utf8");
  const outcome = loadConfig(definition, { argv: process.argv.slice(2), env: process.env, readFile });
  switch (outcome.kind) {
    case "config":
      return outcome;
    case "help":
      writeSync(STDOUT, `${outcome.text.trimEnd()}\n`);
      return process.exit(0);
    case "errors":
      tellStandardError(outcome.errors.map((error) => `${definition.service}: ${error}\n`).join(""));
      return process.exit(EXIT_CODE_MISTAKE);
    default:
      return outcome satisfies never;
  }
}
