import { ask } from "./ask.ts";
import { demo } from "./demo.ts";
import { LocalError } from "./local-error.ts";
import { type Invocation, parseCommandLine } from "./options.ts";
import { start } from "./start.ts";

async function run(invocation: Invocation): Promise<number> {
  switch (invocation.kind) {
    case "start":
      return start(invocation);
    case "demo":
      return demo(invocation);
    case "text":
      (invocation.exitCode === 0 ? process.stdout : process.stderr).write(invocation.text);
      return invocation.exitCode;
    default:
      return ask(invocation);
  }
}

try {
  process.exitCode = await run(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
