// A singleton: exactly one of it may run at any moment. It writes a line per tick, with its fencing token (a later start
// has a higher one), so that a second one running at the same time would show in the file.
import { appendFileSync, renameSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TICK_MS = 100;
/** A file above this is put aside as FILE.old. */
const BYTES_MAX = 1024 * 1024;

const { PORT = "0", HALON_INSTANCE: instance = "ticker/0", HALON_NODE: node = "?" } = process.env;
const { HALON_FENCING_TOKEN: token = "0", TICKER_FILE: file = join(tmpdir(), "halon-ticker.log") } = process.env;
let ticks = 0;

function tick() {
  ticks++;
  appendFileSync(file, `${Date.now()} ${token} ${process.pid} ${node} ${ticks}\n`);
  if (statSync(file).size > BYTES_MAX) renameSync(file, `${file}.old`);
}
tick();
const timer = setInterval(tick, TICK_MS);

const server = createServer((_, response) => {
  response.writeHead(200, { "content-type": "application/json", connection: "close" });
  response.end(`${JSON.stringify({ instance, node, token, pid: process.pid, ticks })}\n`);
});
server.listen(Number(PORT), () => console.log(JSON.stringify({ msg: "ticking", instance, node, token, file })));

process.once("SIGTERM", () => {
  clearInterval(timer);
  server.close();
  server.closeAllConnections();
});
