import { delimiter, join } from "node:path";
import { LocalError } from "./local-error.ts";

/** The broker to use. */
export type NatsFound =
  /** Somebody else's: never started, stopped or killed from here. */
  | { readonly kind: "external"; readonly urls: readonly string[] }
  /** A program to start. */
  | { readonly kind: "program"; readonly path: string };

/** What finding a broker needs of the machine. */
export interface FinderPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly isExecutable: (path: string) => boolean;
  /** Text of /etc/os-release, empty where there is none. */
  readonly osRelease: () => string;
  /** Runs a program to its end, quietly. */
  readonly run: (command: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;
  readonly say: (line: string) => void;
}

const PROGRAM = "nats-server";
/** Where packages put it and an ordinary user's PATH does not look. */
const FURTHER_DIRS = ["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"];
/** Of what a failing apt-get has said, the end. */
const OUTPUT_CHARS_MAX = 2_000;

const INSTALL: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "install it with `brew install nats-server`",
  win32: "install it with `winget install NATSAuthors.NATSServer`, or run this in WSL",
};
const INSTALL_LINUX =
  "install it (Debian, Ubuntu: `apt-get install nats-server` as root; else a release of github.com/nats-io/nats-server into /usr/local/bin)";

/** `HALON_NATS_URL`, else a nats-server on this machine, else Debian's package. Throws {@link LocalError} that says what to do. */
export async function findNats(ports: FinderPorts): Promise<NatsFound> {
  const { env, platform, say } = ports;
  const urls = (env["HALON_NATS_URL"] ?? "").split(",").flatMap((url) => url.trim() || []);
  if (urls.length > 0) return { kind: "external", urls };
  const found = programIn(ports);
  if (found !== undefined) return { kind: "program", path: found };
  if (ports.isRoot && platform === "linux" && isDebian(ports.osRelease())) {
    say("nats-server is not installed: installing Debian's package with apt-get");
    await installPackage(ports);
    const installed = programIn(ports);
    if (installed !== undefined) return { kind: "program", path: installed };
  }
  const how = INSTALL[platform] ?? INSTALL_LINUX;
  throw new LocalError(
    `nats-server is not on the PATH: ${how}, or name a running broker with HALON_NATS_URL=nats://host:4222`,
  );
}

function programIn({ env, isExecutable }: FinderPorts): string | undefined {
  const dirs = (env["PATH"] ?? "").split(delimiter).filter((dir) => dir !== "");
  return [...dirs, ...FURTHER_DIRS].map((dir) => join(dir, PROGRAM)).find(isExecutable);
}

/** Debian itself and what is made of it. */
export const isDebian = (osRelease: string): boolean =>
  osRelease.split("\n").some((line) => /^ID(_LIKE)?=/.test(line) && /\bdebian\b/.test(line));

/** With the package lists at hand, else with fresh ones. */
async function installPackage({ run, say }: FinderPorts): Promise<void> {
  const install = ["apt-get", "install", "--yes", "--no-install-recommends", PROGRAM];
  if ((await run(install)).code === 0) return;
  say("its package list is old or absent: apt-get update");
  await run(["apt-get", "update"]);
  const { code, output } = await run(install);
  if (code === 0) return;
  throw new LocalError(
    `apt-get could not install nats-server (exit ${code}):\n${output.slice(-OUTPUT_CHARS_MAX).trimEnd()}\n` +
      `Install it by other means, or name a running broker with HALON_NATS_URL=nats://host:4222`,
  );
}
