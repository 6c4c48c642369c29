import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository, from `src` and from `dist` alike. */
export const repositoryRoot = (): string => join(fileURLToPath(new URL(".", import.meta.url)), "..", "..", "..");
