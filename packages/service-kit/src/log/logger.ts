import { systemClock } from "@halon/runtime";
import { type Level, type Logger, pino, stdTimeFunctions } from "pino";
import { LogSink } from "./log-sink.ts";
import { RotatingFile, type RotatingFileOptions } from "./rotating-file.ts";
import { scrubber } from "./scrub.ts";
import { standardOutput } from "./standard-output.ts";

export interface LoggerOptions {
  readonly service: string;
  readonly node: string;
  readonly level: Level;
  /** Standard output without it. */
  readonly file?: RotatingFileOptions;
  /** Texts that must not be written, such as the configuration's secrets. */
  readonly secrets?: readonly string[];
}

/**
 * Opens the log of this process: JSON lines, each with level, time, service, node and pid. `log.fatal` writes before it
 * returns, all else is written soon; `log.flush(done)` calls `done` when it is. Throws when the file cannot be opened.
 *
 * What is logged about an event or a reign goes to `log.child({ event })`, `log.child({ epoch })`.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { service, node, level, file, secrets = [] } = options;
  const scrub = scrubber(secrets);
  const sink = new LogSink({
    file: file === undefined ? standardOutput : new RotatingFile(file),
    clock: systemClock,
    onLeftOut: (leftOut, why) => log.error({ leftOut }, `${leftOut} log lines were left out here: ${why}`),
  });
  const log = pino(
    {
      level,
      base: { service, node, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line: string) => sink.write(scrub(line)),
      flushSync: () => sink.flushSync(),
      flush: (done: () => void) => sink.drain(done),
    } as { write(line: string): void },
  );
  return log;
}
