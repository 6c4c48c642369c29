import { writeSync } from "node:fs";
import { Post } from "@halon/proto";
import {
  assert,
  type Clock,
  type Random,
  systemClock,
  systemRandom,
  type Transport,
  TransportError,
} from "@halon/runtime";
import { type NatsReport, openTransportNats } from "@halon/transport-nats";
import type { Logger } from "pino";
import type { z } from "zod";
import type { CommonConfig } from "../config/common-fields.ts";
import { configOrExit, EXIT_CODE_MISTAKE } from "../config/config-or-exit.ts";
import type { ConfigDefinition } from "../config/definition.ts";
import { COMMAND_DEFAULT, COMMAND_HEALTH } from "../config/flags.ts";
import { secretsOf } from "../config/secrets.ts";
import { type HealthStatus, serveHealth } from "../health/health.ts";
import { healthCommand } from "../health/health-command.ts";
import { createLogger } from "../log/logger.ts";
import { tellStandardError } from "../log/standard-error.ts";
import { RELEASE } from "../release.ts";
import { LifeHealth } from "./life-health.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { StopHook } from "./stop-sequence.ts";

const STDOUT = 1;

/** Schema of a service: its object has at least the common fields. */
export type ServiceSchema = z.ZodObject & z.ZodType<CommonConfig>;

/** What a service gets to work with. */
export interface ServiceContext<Config> {
  readonly config: Config;
  readonly log: Logger;
  readonly transport: Transport;
  /** Messages in envelopes over `transport`, sent as `<node>.<service>`. */
  readonly post: Post;
  readonly clock: Clock;
  readonly random: Random;
  /** Has `hook` run at the end, before those that were given earlier; `name` is for the log. The transport is closed last. */
  readonly onStop: (name: string, hook: StopHook) => void;
  /** Says what health requests are answered, from when the service is ready. Without it: healthy. */
  readonly onHealth: (status: () => HealthStatus) => void;
  /** Ends the process in good order, of its own accord. */
  readonly stop: (reason: string, exitCode?: number) => void;
}

/** What a command other than `run` and `health` gets; it uses no bus and no log. Its result is the exit code. */
export interface CommandContext<Config> {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  /** Writes one line to standard output. */
  readonly print: (line: string) => void;
}
export type Command<Config> = (context: CommandContext<Config>) => number | Promise<number>;

/**
 * The whole `main.ts` of a service: configuration, log, transport (waiting for the broker), `start`, then until a signal.
 * The service is ready when `start` has resolved. What `start` throws or rejects with ends the process with 1. `commands`
 * does those that the definition names.
 */
export async function runService<Schema extends ServiceSchema>(
  definition: ConfigDefinition<Schema>,
  start: (context: ServiceContext<z.output<Schema>>) => void | Promise<void>,
  commands: Readonly<Record<string, Command<z.output<Schema>>>> = {},
): Promise<void> {
  const { command, config } = configOrExit(definition);
  if (command === COMMAND_DEFAULT) return run(definition, config, start);
  if (command === COMMAND_HEALTH) return process.exit(await healthCommand(definition.service, config, print));
  const perform = commands[command];
  assert(perform !== undefined, `command ${command} of ${definition.service} is defined, but nothing performs it`);
  process.exit(await perform({ config, clock: systemClock, random: systemRandom, print }));
}

const print = (line: string): void => {
  writeSync(STDOUT, `${line}\n`);
};

async function run<Schema extends ServiceSchema>(
  definition: ConfigDefinition<Schema>,
  config: z.output<Schema>,
  start: (context: ServiceContext<z.output<Schema>>) => void | Promise<void>,
): Promise<void> {
  const { service } = definition;
  const startMs = systemClock.nowMs();
  const log = openLog(definition, config);
  const lifecycle = new Lifecycle(log, config.logFile);
  log.info({ release: RELEASE, cluster: config.cluster }, "starting");
  const transport = await connect(service, config, log, lifecycle.stopping);
  if (transport === undefined) return;
  lifecycle.hooks.add("the transport", () => transport.close());
  const { cluster, node } = config;
  const post = new Post(transport, systemRandom, { cluster, sender: `${node}.${service}` });
  const health = new LifeHealth(startMs, lifecycle.stopping);
  serveHealth(post, { node, service, status: () => ({ ...health.status(), node, service, release: RELEASE }) });
  try {
    await start({
      config,
      log,
      transport,
      post,
      clock: systemClock,
      random: systemRandom,
      onStop: (name, hook) => lifecycle.hooks.add(name, hook),
      onHealth: (status) => health.become(status),
      stop: (reason, exitCode) => lifecycle.stop(reason, exitCode),
    });
  } catch (error) {
    // What was being started may well fail when it is stopped in the middle of it.
    if (!lifecycle.stopping.aborted) lifecycle.fail(error, "cannot start");
    log.warn({ err: error }, "starting was given up");
    return;
  }
  if (lifecycle.stopping.aborted) return;
  health.becomeReady();
  log.info({ startMs: Math.round(systemClock.nowMs() - startMs) }, "ready");
}

function openLog<Schema extends ServiceSchema>(definition: ConfigDefinition<Schema>, config: z.output<Schema>): Logger {
  const { service } = definition;
  const { node, logLevel: level, logFile: path, logFileBytesMax: bytesMax, logOldFilesMax: oldFilesMax } = config;
  const secrets = secretsOf(definition, config);
  try {
    return createLogger({
      service,
      node,
      level,
      secrets,
      ...(path === undefined ? {} : { file: { path, bytesMax, oldFilesMax } }),
    });
  } catch (error) {
    return refuse(
      service,
      `logFile cannot be opened: ${(error as Error).message}: name one that this user may write to`,
    );
  }
}

/** Undefined when the process was told to stop while it waited for the broker. */
async function connect(
  service: string,
  config: CommonConfig,
  log: Logger,
  stopping: AbortSignal,
): Promise<Transport | undefined> {
  const onReport = (report: NatsReport): void => logReport(log, report);
  try {
    const name = `${config.node}.${service}`;
    return await openTransportNats({ servers: config.natsUrl, name, signal: stopping, onReport });
  } catch (error) {
    if (stopping.aborted) return undefined;
    if (error instanceof TransportError && error.code === "bad-address")
      return refuse(service, `natsUrl: ${error.message}`);
    throw error;
  }
}

function logReport(log: Logger, report: NatsReport): void {
  switch (report.kind) {
    case "waiting":
      return log.warn({ waitedMs: report.waitedMs }, `waiting for nats at ${report.servers}: ${report.why}`);
    case "connected":
      return log.info(`connected to nats at ${report.server}`);
    case "lost":
      return log.warn(`lost nats at ${report.server}: ${report.why}`);
    case "refused":
      return log.error(`nats at ${report.server} refused: ${report.why}`);
    default:
      return report satisfies never;
  }
}

/** A mistake of whoever started the process that shows only now. */
function refuse(service: string, mistake: string): never {
  tellStandardError(`${service}: ${mistake}\n`);
  return process.exit(EXIT_CODE_MISTAKE);
}
