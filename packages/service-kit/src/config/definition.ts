import type { z } from "zod";
import { RELEASE } from "../release.ts";
import { type Field, fieldsOf } from "./field.ts";
import { COMMAND_DEFAULT, COMMAND_HEALTH } from "./flags.ts";

/** What a service says of its configuration. */
export interface ConfigOptions<Schema extends z.ZodObject> {
  /** The name it has on the bus and in logs: `node-agent`. */
  readonly service: string;
  /** One line for `--help`: what it is for. */
  readonly about: string;
  /**
   * A strict object of fields in camelCase. Each has a `.describe()` or `.meta({ description })`; besides, `.meta()` takes
   * `unit` ("ms"), `secret: true` (never printed) and `defaultText` (for a default that differs from machine to machine).
   */
  readonly schema: Schema;
  /** Commands besides `run` and `health`, each with its meaning. */
  readonly commands?: Readonly<Record<string, string>>;
  /** Printed by `--version`; the release of the kit unless given. */
  readonly version?: string;
}

/** A service's configuration, ready to load. */
export interface ConfigDefinition<Schema extends z.ZodObject = z.ZodObject> {
  readonly service: string;
  readonly about: string;
  readonly version: string;
  readonly schema: Schema;
  readonly fields: readonly Field[];
  /** All commands with their meanings. */
  readonly commands: Readonly<Record<string, string>>;
}

const KIT_COMMANDS = {
  [COMMAND_DEFAULT]: "runs the service; the command may be left out",
  [COMMAND_HEALTH]:
    "asks the running service how it is, prints its answer as JSON, exits 0 if it is healthy and 1 if not",
};

/** Derives flags, variables and help from the schema; asserts that they are unambiguous. */
export function defineConfig<Schema extends z.ZodObject>(options: ConfigOptions<Schema>): ConfigDefinition<Schema> {
  const { service, about, schema, version = RELEASE } = options;
  return {
    service,
    about,
    version,
    schema,
    fields: fieldsOf(schema),
    commands: { ...KIT_COMMANDS, ...options.commands },
  };
}
