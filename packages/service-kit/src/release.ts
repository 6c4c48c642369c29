import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** Version of this package. All parts of Halon are released together. */
export const RELEASE: string = manifest.version;
