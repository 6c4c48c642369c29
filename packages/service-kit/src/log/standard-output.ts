import { write, writeSync } from "node:fs";
import type { LogFile } from "./log-file.ts";

const STDOUT = 1;
/** A full pipe that does not block says so at once: how often, and how long, the end of a process waits for it. */
const FULL_PIPE_WAIT_MS = 5;
const FULL_PIPE_WAITS_MAX = 200;

/** The log of a process whose standard output somebody else collects and bounds. */
export const standardOutput: LogFile = {
  append(chunk, done) {
    write(STDOUT, chunk, (error, bytesWritten) => done(bytesWritten ?? 0, error ?? undefined));
  },
  appendSync(chunk) {
    let waits = 0;
    for (let at = 0; at < chunk.length; ) {
      try {
        at += writeSync(STDOUT, chunk, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || ++waits > FULL_PIPE_WAITS_MAX) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT_MS);
      }
    }
  },
};
