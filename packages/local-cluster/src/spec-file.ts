import { readFileSync } from "node:fs";
import { parseSpecText } from "@halon/cluster-spec";
import { LocalError } from "./local-error.ts";

/** What a cluster.yaml declares, as it is submitted. Throws {@link LocalError} that lists all mistakes with their lines. */
export function readSpec(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new LocalError(`the services to run cannot be read: ${(error as Error).message}`);
  }
  const outcome = parseSpecText(text);
  if (outcome.kind === "spec") return outcome.json;
  const told = outcome.mistakes.map(({ line, column, path, message }) => {
    const where = path === "" ? "" : `${path}: `;
    return `${file}:${line}:${column}: ${where}${message}`;
  });
  throw new LocalError(told.join("\n"));
}
