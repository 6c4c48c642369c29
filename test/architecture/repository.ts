import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Neither written by hand nor ours. */
const FOREIGN = new Set(["node_modules", "dist", "gen"]);

/** A TypeScript file of the repository; `path` is relative to its root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

function walk(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return FOREIGN.has(entry.name) ? [] : walk(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

/** Folders that hold workspaces, as far as they exist. */
export const workspaceFolders: readonly string[] = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ["packages", "services", "proto", "test"].includes(entry.name))
  .map((entry) => entry.name);

/** Every hand-written file in a `src/`, in a stable order. */
export const sourceFiles: readonly SourceFile[] = workspaceFolders
  .filter((folder) => folder !== "test")
  .flatMap(walk)
  .filter((path) => /^(proto|[^/]+\/[^/]+)\/src\//.test(path))
  .sort((a, b) => (a < b ? -1 : 1))
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
