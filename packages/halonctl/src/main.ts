import { createReadStream } from "node:fs";
import { run } from "./run.ts";

// Whoever reads has gone (`halonctl graph Node | head`): that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

async function read(path: string, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).byteLength;
    if (bytes > bytesMax) break;
  }
  return Buffer.concat(chunks);
}

const { stdout: out, stderr: err, env } = process;
// Not process.exit(): what is printed into a pipe has to get there.
process.exitCode = await run(process.argv.slice(2), { out, err, env, read });
