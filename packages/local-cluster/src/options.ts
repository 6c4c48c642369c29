import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { nearest } from "./nearest.ts";
import { SATELLITES_MAX, SHAPE_DEFAULT, type Shape, STATION_COUNTS, USERS_MAX } from "./node-plan.ts";
import { VERBS, type Verb } from "./verbs.ts";

/** Where nats-server listens unless told otherwise: not 4222, where another may. */
export const NATS_PORT_DEFAULT = 14_222;
const STATE_DIR_DEFAULT = ".halon";
export const SPEC_DEFAULT = "examples/cluster.yaml";
const LOG_LINES_DEFAULT = 40;

export interface StartOptions {
  readonly dir: string;
  /** As far as it was asked for; the rest is as it was, or the default. */
  readonly shape: Partial<Shape>;
  /** `undefined`: the default, or any free one for the demo. */
  readonly natsPort: number | undefined;
  readonly isFresh: boolean;
  /** cluster.yaml to apply. */
  readonly spec: string;
}

/** What the command line asks for. */
export type Invocation =
  | ({ readonly kind: "start" | "demo" } & StartOptions)
  | { readonly kind: "verb"; readonly verb: Verb; readonly target: string; readonly dir: string }
  | {
      readonly kind: "logs";
      readonly target: string;
      readonly isFollowed: boolean;
      readonly lines: number;
      readonly dir: string;
    }
  | { readonly kind: "status"; readonly isJson: boolean; readonly dir: string }
  | { readonly kind: "stop"; readonly dir: string }
  /** Help, or what is wrong with the command line. */
  | { readonly kind: "text"; readonly text: string; readonly exitCode: number };

const ABOUT: Readonly<Record<Verb, string>> = {
  kill: "SIGKILL; a node and nats stay off until `restart`, all else comes back by itself",
  pause: "SIGSTOP; a node with all that runs on it",
  resume: "ends a pause",
  restart: "ends it in good order and starts it; starts a killed node",
};

const TARGETS = `
Targets: web/2 (an instance), user-2 or station-1 (a node), leader, coordinator, nats, monitor-1, transponder-1,
         station-2.recovery-supervisor (NODE.SERVICE), user-1.agent

Examples:
  npm start                               3 stations, 2 satellites, 4 user nodes; Ctrl-C stops everything
  npm start -- --stations 5 --fresh       another cluster, the old one forgotten
  npm start -- --demo                     breaks five things, measures how long they take to heal
  npm start -- kill user-2                in another terminal, while it runs
  npm start -- logs coordinator -f
`;

function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`A whole number from ${from} to ${to} is expected.`);
  };
}

function stationCount(text: string): number {
  const count = Number(text);
  if (STATION_COUNTS.includes(count)) return count;
  throw new InvalidArgumentError(`Choose one of ${STATION_COUNTS.join(", ")}.`);
}

interface Given {
  readonly stations?: number;
  readonly satellites?: number;
  readonly users?: number;
  readonly natsPort?: number;
  readonly fresh?: boolean;
  readonly demo?: boolean;
  readonly stateDir?: string;
  readonly spec: string;
}

const dirOf = ({ stateDir, demo }: Given): string =>
  stateDir ?? (demo === true ? `${STATE_DIR_DEFAULT}/demo` : STATE_DIR_DEFAULT);

function startOf(given: Given): Invocation {
  const { stations, satellites, users, natsPort, fresh = false, demo = false, spec } = given;
  const asked = { stations, satellites, users };
  const shape = Object.fromEntries(Object.entries(asked).filter(([, count]) => count !== undefined)) as Partial<Shape>;
  // The demo begins with a cluster of its own.
  return { kind: demo ? "demo" : "start", dir: dirOf(given), shape, natsPort, isFresh: fresh || demo, spec };
}

function programOf(done: (invocation: Invocation) => void): Command {
  const program = new Command("npm start --");
  const { stations, satellites, users } = SHAPE_DEFAULT;
  program
    .description("Runs a whole Halon cluster on this machine, each node as processes of its own, until it is stopped.")
    .usage("[options] [verb]")
    .addOption(
      new Option("--stations <n>", `station nodes: ${STATION_COUNTS.join(", ")} (new: ${stations})`).argParser(
        stationCount,
      ),
    )
    .addOption(
      new Option("--satellites <n>", `satellite nodes (new: ${satellites})`).argParser(wholeNumber(0, SATELLITES_MAX)),
    )
    .addOption(new Option("--users <n>", `user nodes (new: ${users})`).argParser(wholeNumber(0, USERS_MAX)))
    .addOption(
      new Option(
        "--nats-port <port>",
        `of our own nats-server (default: ${NATS_PORT_DEFAULT}; demo: a free one)`,
      ).argParser(wholeNumber(1, 65_535)),
    )
    .option("--fresh", "forget what an earlier start has left in the state directory")
    .option("--demo", "tell the story unattended, in a fresh cluster of its own, exit 0 only if all of it held")
    .option("--spec <file>", "services to run", SPEC_DEFAULT)
    .option(
      "--state-dir <dir>",
      `all state and logs (default: "${STATE_DIR_DEFAULT}", demo: "${STATE_DIR_DEFAULT}/demo")`,
    )
    .addHelpText("after", TARGETS)
    // Told as an unknown verb, with the one that was probably meant.
    .allowExcessArguments()
    .argument("[verb]")
    .action((verb: string | undefined, given: Given) => {
      if (verb === undefined) return done(startOf(given));
      const known = program.commands.map((each) => each.name());
      const near = nearest(verb, known);
      const hint = near === undefined ? "" : ` Did you mean ${near}?`;
      throw new CommanderError(1, "halon.unknownVerb", `unknown verb "${verb}".${hint} Known: ${known.join(", ")}`);
    });
  const given = (): Given => program.opts<Given>();
  for (const verb of VERBS)
    program
      .command(`${verb} <target>`)
      .description(ABOUT[verb])
      .action((target: string) => done({ kind: "verb", verb, target, dir: dirOf(given()) }));
  program
    .command("logs <target>")
    .description("prints the end of a log")
    .option("-f, --follow", "go on with what is added")
    .addOption(new Option("-n, --lines <n>", "how many").default(LOG_LINES_DEFAULT).argParser(wholeNumber(1, 10_000)))
    .action((target: string, { follow = false, lines }: { follow?: boolean; lines: number }) =>
      done({ kind: "logs", target, isFollowed: follow, lines, dir: dirOf(given()) }),
    );
  program
    .command("status")
    .description("prints the table once")
    .option("--json", "all of it, as JSON")
    .action(({ json = false }: { json?: boolean }) => done({ kind: "status", isJson: json, dir: dirOf(given()) }));
  program
    .command("stop")
    .description("stops everything")
    .action(() => done({ kind: "stop", dir: dirOf(given()) }));
  return program;
}

/** Reads the command line; never exits and never prints. */
export function parseCommandLine(argv: readonly string[]): Invocation {
  let invocation: Invocation | undefined;
  let text = "";
  const keep = (said: string): void => {
    text += said;
  };
  const program = programOf((asked) => {
    invocation = asked;
  });
  for (const command of program.commands) command.allowExcessArguments(false);
  for (const command of [program, ...program.commands])
    command
      .exitOverride()
      .configureOutput({ writeOut: keep, writeErr: keep })
      .showHelpAfterError("(--help tells more)");
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "halon.unknownVerb") text = `error: ${error.message}\n`;
    // Commander's own code for a mistake is 1, which here means that something failed.
    return { kind: "text", text, exitCode: error.exitCode === 0 ? 0 : 2 };
  }
  return invocation ?? { kind: "text", text, exitCode: 2 };
}
