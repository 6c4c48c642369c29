import { hostname } from "node:os";
import { isName } from "@halon/proto";
import { z } from "zod";

const NAME = "a name is 1 to 64 of A-Z a-z 0-9 _ -";
const NATS_URL = /^(?:nats:\/\/)?(?:[^@/\s,]+@)?(?:\[[0-9a-f:.]+\]|[^:@/\s,[\]]+)(?::\d{1,5})?\/?$/i;
const HOST_NAME_CHARS_MAX = 64;
const MIB = 1024 * 1024;

/** The first part of this machine's host name, as far as it can stand in a subject. */
const hostNode = (): string =>
  hostname()
    .replace(/\..*/, "")
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, HOST_NAME_CHARS_MAX) || "node";

/** A name that can stand in a subject: of a cluster, a node, a service. */
export const nameField = (): z.ZodString => z.string().refine(isName, NAME) as z.ZodString;

/** What every service is told. Spread it into the service's own `z.strictObject({ ...commonFields, … })`. */
export const commonFields = {
  cluster: nameField().default("halon").meta({ description: "Name of the cluster" }),
  node: nameField().default(hostNode).meta({ description: "Name of this node", defaultText: "host name" }),
  natsUrl: z
    .array(z.string().regex(NATS_URL, "write nats://[user:password@]host[:port]"))
    .min(1)
    .max(64)
    .default(["nats://127.0.0.1:4222"])
    .meta({ description: "NATS servers, all of one NATS cluster" }),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal"])
    .default("info")
    .meta({ description: "Least important lines to write" }),
  logFile: z.string().min(1).optional().meta({ description: "File to write the log to, instead of standard output" }),
  logFileBytesMax: z
    .int()
    .min(MIB)
    .default(16 * MIB)
    .meta({ description: "Size at which a log file is put aside", unit: "bytes" }),
  logOldFilesMax: z.int().min(0).max(100).default(4).meta({ description: "Log files put aside that are kept" }),
};

/** What a service reads of its configuration without knowing the rest. */
export type CommonConfig = z.output<z.ZodObject<typeof commonFields>>;

/** Of services that keep something on disk. */
export const stateFields = {
  stateDir: z.string().min(1).default(".halon").meta({ description: "Directory for all that this service keeps" }),
};
