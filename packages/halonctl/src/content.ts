import type { Command } from "commander";
import type { World } from "./terminal.ts";

/** A payload of 192 KiB or a text of 128 Ki characters are let through by stations; what is larger is not even sent. */
const FILE_BYTES_MAX = 768 * 1024;

/** What is in a file. One that cannot be read, or not be sent, is a misuse of `command`. */
export async function content({ read }: World, command: Command, file: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await read(file, FILE_BYTES_MAX);
  } catch (error) {
    return command.error(`error: ${file} cannot be read: ${(error as Error).message}`);
  }
  if (bytes.byteLength > FILE_BYTES_MAX)
    command.error(`error: ${file} has more than ${FILE_BYTES_MAX} bytes: no station takes them; split it`);
  return bytes;
}
