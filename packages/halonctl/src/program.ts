import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { addresses, limit, PAGE_MAX, seconds, waitSeconds } from "./arguments.ts";
import { HalonClient } from "./client.ts";
import { apply, graph, services, status, type Task } from "./commands.ts";
import { content } from "./content.ts";
import { eventsCommand } from "./events.ts";
import { offlineCommands } from "./offline-program.ts";
import { changeStations, type StationChange, stationList } from "./stations.ts";
import { paintFor, type World } from "./terminal.ts";

/** The first of them is where a station listens that was not told otherwise. */
const ADDRESSES_DEFAULT = "127.0.0.1:15001,127.0.0.1:15002,127.0.0.1:15003";
const TIMEOUT_S_DEFAULT = 10;
/** A gigabyte of state is learnt in less. */
const WAIT_S_DEFAULT = 600;

const EXAMPLES = `
Examples:
  halonctl status
  halonctl apply -f cluster.yaml
  halonctl --json services
  halonctl graph Instance web/0
  halonctl events submit disk-failed --payload '{"disk":"sda"}'
  halonctl station replace station-3 station-4
  halonctl log verify --dir /var/lib/halon
  halonctl --address 10.0.0.1:15001,10.0.0.2:15001 status

Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 3 no station answers.`;

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

interface GlobalOptions {
  readonly address?: readonly string[];
  readonly json?: true;
  readonly timeout: number;
}

/** The command line. `fail` is called when a command did what it should, and the outcome is bad. */
export function program(world: World, fail: () => void): Command {
  const root = rootCommand(world);
  /** Runs `work` with a client that is closed whatever comes of it. */
  const task = async (work: (task: Task) => Promise<void>): Promise<void> => {
    const { address, json, timeout } = root.opts<GlobalOptions>();
    const client = new HalonClient({ addresses: address ?? knownAddresses(root, world), timeoutMs: timeout * 1_000 });
    try {
      await work({ client, isJson: json === true, paint: paintFor(world.out, world.env), world });
    } finally {
      await client.close();
    }
  };
  const statusCommand = root
    .command("status")
    .description("the cluster as a station sees it: leader, coordinator, nodes");
  statusCommand.action(() => task(status));

  const applyCommand = root
    .command("apply")
    .description("make the services be what a cluster.yaml says; with any mistake in it nothing changes")
    .requiredOption("-f, --file <file>", "the file; - for standard input")
    .option("--prune", "stop services that it does not name", false);
  applyCommand.action(async ({ file, prune }: { file: string; prune: boolean }) => {
    const bytes = await content(world, applyCommand, file);
    await task(async (each) => {
      if (!(await apply(each, file === "-" ? "stdin" : file, bytes, prune))) fail();
    });
  });

  const servicesCommand = root
    .command("services")
    .description("services with their instances: where each runs, and how it is");
  servicesCommand.action(() => task(services));

  const graphCommand = root
    .command("graph")
    .description("the resource graph: its types, the vertices of one type, or one vertex with its edges")
    .argument("[type]", "such as Node, Service, Instance")
    .argument("[id]", "such as web/0")
    .option("--after <id>", "vertices behind this id", "")
    .option("--limit <count>", `vertices at most, up to ${PAGE_MAX}`, limit, PAGE_MAX);
  graphCommand.action((type = "", id = "", options: { after: string; limit: number }) =>
    task((each) => graph(each, { type, id, ...options })),
  );

  eventsCommand(root, world, task);
  stationCommand(root, task, fail);
  offlineCommands(root, world, fail);
  return root;
}

/** `station list`, `add`, `remove`, `replace`. */
function stationCommand(
  root: Command,
  task: (work: (task: Task) => Promise<void>) => Promise<void>,
  fail: () => void,
): void {
  const command = root.command("station").description("the stations: who votes, who could, and how that is changed");
  command
    .command("list")
    .description("stations that vote, and those that are heard")
    .action(() => task(stationList));
  const wait = (): Option =>
    new Option("--wait <seconds>", "how long a station that is added may take to be heard and to catch up")
      .argParser(waitSeconds)
      .default(WAIT_S_DEFAULT);
  const change = (each: StationChange, options: { wait: number }): Promise<void> =>
    task(async (given) => {
      if (!(await changeStations(given, each, options.wait * 1_000))) fail();
    });
  command
    .command("add")
    .description("let a station vote that runs and follows")
    .argument("<node>", "where it runs")
    .addOption(wait())
    .action((node: string, options: { wait: number }) => change({ add: node, remove: "" }, options));
  command
    .command("remove")
    .description("take the vote from a station; it follows on, until it is stopped")
    .argument("<node>", "where it runs, or ran")
    .addOption(wait())
    .action((node: string, options: { wait: number }) => change({ add: "", remove: node }, options));
  command
    .command("replace")
    .description("let another station vote in the place of one, in one step")
    .argument("<old>", "who votes now")
    .argument("<new>", "who shall; the same for a station that came back with another directory")
    .addOption(wait())
    .action((old: string, node: string, options: { wait: number }) => change({ add: node, remove: old }, options));
}

/** What all commands have in common. */
function rootCommand(world: World): Command {
  return new Command("halonctl")
    .description("Looks at a Halon cluster and tells it what to run. Any station answers.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this")
    .addOption(
      new Option("--address <host:port,…>", "stations, tried in this order; also in HALON_API")
        .default(undefined, ADDRESSES_DEFAULT)
        .argParser(addresses),
    )
    .option("--json", "print the reply as JSON")
    .option("--timeout <seconds>", "how long to wait for an answer", seconds, TIMEOUT_S_DEFAULT)
    .showHelpAfterError("(halonctl --help tells more)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.out.write(text),
      writeErr: (text) => world.err.write(text.replace(/^error: /, "halonctl: ")),
    })
    .addHelpText("after", EXAMPLES);
}

/** Where to look for stations when the command line does not say. */
function knownAddresses(root: Command, { env }: World): readonly string[] {
  const text = env["HALON_API"];
  try {
    return addresses(text === undefined || text === "" ? ADDRESSES_DEFAULT : text);
  } catch (error) {
    return root.error(`error: variable HALON_API: ${(error as Error).message}`);
  }
}
