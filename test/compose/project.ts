import { type CommandOptions, command, tryCommand } from "./command.ts";
import { until } from "./waiting.ts";

const BUILD_MS = 15 * 60_000;
const UP_MS = 5 * 60_000;
/** An engine asks every 30 s, and a machine that has only just started all of it answers late. */
const HEALTHY_MS = 300_000;
const LOG_LINES = 15;
/** One service per image: others with the same image find it made. */
const IMAGES = [
  "station-1-replica",
  "station-1-supervisor",
  "station-1-coordinator",
  "station-1-monitor",
  "transponder",
];

export interface Container {
  readonly id: string;
  readonly service: string;
  /** `running`, `exited`, … */
  readonly state: string;
  /** For people: `Up 3 minutes (healthy)`. */
  readonly status: string;
}

/** What runs compose here: undefined where no engine answers. */
export async function findCompose(): Promise<{ readonly compose: readonly string[] } | { readonly why: string }> {
  const engine = await tryCommand(["docker", "version", "--format", "{{.Server.Version}}"]);
  if (engine.code !== 0) return { why: `no container engine answers (${engine.output.trim().split("\n").at(-1)})` };
  for (const compose of [["docker-compose"], ["docker", "compose"]])
    if ((await tryCommand([...compose, "version"])).code === 0) return { compose };
  return { why: "there is neither docker-compose nor docker compose" };
}

/** One compose project of the repository's docker-compose.yml. */
export class Project {
  readonly name: string;
  readonly #compose: readonly string[];
  readonly #options: CommandOptions;

  /** `env` is what compose reads its `${…}` from. */
  constructor(name: string, compose: readonly string[], root: string, env: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.#compose = [...compose, "--project-directory", root, "-f", `${root}/docker-compose.yml`, "-p", name];
    this.#options = { env: { COMPOSE_PROJECT_NAME: name, ...env } };
  }

  get network(): string {
    return `${this.name}_default`;
  }

  compose(args: readonly string[], deadlineMs = UP_MS): Promise<string> {
    return command([...this.#compose, ...args], { ...this.#options, deadlineMs });
  }

  build(): Promise<string> {
    return this.compose(["build", ...IMAGES, "user-1", "apply"], BUILD_MS);
  }

  /** Removes all of it, volumes too. */
  async down(): Promise<void> {
    await this.compose(["down", "--volumes", "--remove-orphans", "--timeout", "2"]);
  }

  async containers(service = ""): Promise<readonly Container[]> {
    const label = "label=com.docker.compose";
    const only = service === "" ? [] : ["--filter", `${label}.service=${service}`];
    const format = '{{.ID}}\t{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Status}}';
    const filters = ["--filter", `${label}.project=${this.name}`, "--filter", `${label}.oneoff=False`, ...only];
    const text = await command(["docker", "ps", "--all", ...filters, "--format", format]);
    return text.split("\n").flatMap((line) => {
      const [id, name, state = "", status = ""] = line.split("\t");
      return id === undefined || name === undefined ? [] : [{ id, service: name, state, status }];
    });
  }

  async containerOf(service: string): Promise<string> {
    const [first] = await this.containers(service);
    if (first === undefined) throw new Error(`${service} has no container`);
    return first.id;
  }

  /** Resolves when the engine says of each container that it is healthy; what runs once has to have succeeded. */
  async untilHealthy(): Promise<void> {
    await until("healthy containers", HEALTHY_MS, async () => {
      const ill = (await this.containers()).filter((each) => !isWell(each));
      return ill.length === 0 ? undefined : ill.map(({ service, status }) => `${service} (${status})`).join(", ");
    });
  }

  /** Asks a container's service how it is, by its own binary. */
  async askHealth(id: string): Promise<string> {
    const { Entrypoint } = JSON.parse(await command(["docker", "inspect", "--format", "{{json .Config}}", id])) as {
      readonly Entrypoint: readonly string[];
    };
    return command(["docker", "exec", id, ...Entrypoint, "health"]);
  }

  /** The newest lines of the logs, for whoever has to find out why something failed. */
  async logs(services: readonly string[]): Promise<string> {
    const args = ["logs", "--no-color", "--tail", `${LOG_LINES}`, ...services];
    return (await tryCommand([...this.#compose, ...args], this.#options)).output;
  }
}

/** The broker has no health check. */
function isWell({ service, state, status }: Container): boolean {
  if (service === "founding" || service === "apply") return state === "exited" && status.startsWith("Exited (0)");
  return state === "running" && (service === "nats" || status.includes("(healthy)"));
}
