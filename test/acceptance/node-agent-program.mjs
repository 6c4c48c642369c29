// A program for the node agent to run: listens on PORT, has a child of its own, and says both pids on standard output.
// `ignore`: it does not end when asked to.
import { spawn } from "node:child_process";
import { createServer } from "node:http";

if (process.argv.includes("ignore")) process.on("SIGTERM", () => {});
const child = spawn("sleep", ["1000"], { stdio: "ignore" });
createServer((_, response) => response.end("ok")).listen(Number(process.env.PORT), () => {
  const { HALON_INSTANCE: instance, HALON_FENCING_TOKEN: token, COLOUR: colour } = process.env;
  console.log(JSON.stringify({ pid: process.pid, child: child.pid, instance, token, colour }));
});
