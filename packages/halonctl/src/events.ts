import { type Command, Option } from "commander";
import { limit, PAGE_MAX } from "./arguments.ts";
import { show, submit, type Task } from "./commands.ts";
import { content } from "./content.ts";
import type { QueueReply, WaitingEventReply } from "./queue-replies.ts";
import { table } from "./table.ts";
import { harmless, type Paint, type World } from "./terminal.ts";

const PRIORITIES = ["urgent", "normal", "bulk"] as const;
const PEEK_DEFAULT = 20;
/** Of a payload, in a list. */
const PAYLOAD_CHARS_MAX = 60;

type Perform = (work: (task: Task) => Promise<void>) => Promise<void>;

const priorityOption = (about: string): Option =>
  new Option("--priority <priority>", about).choices(PRIORITIES).default("", "what goes with the type");

/** `events submit`, `stats`, `peek`, `clear`. */
export function eventsCommand(root: Command, world: World, task: Perform): void {
  const command = root
    .command("events")
    .description("events for the coordinator: submit, look at those that wait, clear");
  submitCommand(command, world, task);
  command
    .command("stats")
    .description("how many events wait to be consumed, and what became of those that came")
    .action(() =>
      task(async (each) => {
        const reply = await each.client.getQueue();
        show(each, reply, () => renderQueue(each.paint, reply));
      }),
    );
  command
    .command("peek")
    .description("events that wait to be consumed, in the order in which they were stored")
    .option("--after <position>", "events behind this position", Number, 0)
    .option("--limit <count>", `events at most, up to ${PAGE_MAX}`, limit, PEEK_DEFAULT)
    .action((request: { after: number; limit: number }) =>
      task(async (each) => {
        const { events } = await each.client.peekEvents(request);
        const plain = events.map(({ payload, ...rest }) => ({
          ...rest,
          payload: Buffer.from(payload).toString("base64"),
        }));
        show(each, { events: plain }, () => renderEvents(each.paint, events));
      }),
    );
  clearCommand(command, task);
}

function submitCommand(command: Command, world: World, task: Perform): void {
  const submitting = command
    .command("submit")
    .description("store an event; done when it is durable: then it reaches the coordinator, whatever dies")
    .argument("<type>", "1 to 64 of a-z 0-9 . - that begin with a letter")
    .addOption(new Option("--payload <text>", "what it carries, as text").conflicts("payloadFile"))
    .option("--payload-file <file>", "what it carries, from a file; - for standard input")
    .addOption(priorityOption("which events it goes with: higher ones go first"));
  submitting.action(async (type: string, options: { payload?: string; payloadFile?: string; priority: string }) => {
    const { payload = "", payloadFile, priority } = options;
    const bytes = payloadFile === undefined ? Buffer.from(payload) : await content(world, submitting, payloadFile);
    await task((each) => submit(each, type, bytes, priority));
  });
}

function clearCommand(command: Command, task: Perform): void {
  const clearing = command
    .command("clear")
    .description("remove events that wait, for good: nobody will act on them. Goes into the decision log")
    .requiredOption("--by <name>", "who does it")
    .requiredOption("--why <reason>", "why")
    .option("--type <type>", "of this type only", "")
    .addOption(priorityOption("of this priority only").default("", "all"))
    .option("--yes", "that is what is wanted", false);
  clearing.action(({ yes, ...request }: { type: string; priority: string; by: string; why: string; yes: boolean }) => {
    if (!yes)
      return clearing.error("error: events that are cleared are lost. Look at them with `events peek`, then add --yes");
    return task(async (each) => {
      const reply = await each.client.clearEvents(request);
      show(each, reply, () => `Cleared ${reply.cleared} events, of those up to position ${reply.through}.\n`);
    });
  });
}

function renderQueue(paint: Paint, { priorities, types, moreTypes, last, producers, counters }: QueueReply): string {
  const shares = table(
    paint,
    ["PRIORITY", "EVENTS", "BYTES", "OLDEST", "WAITED"],
    priorities.map(({ name, events, bytes, oldest, waitedMs }) => [
      harmless(name),
      String(events),
      String(bytes),
      oldest === 0 ? "-" : String(oldest),
      oldest === 0 ? "-" : `${(waitedMs / 1_000).toFixed(1)} s`,
    ]),
  );
  const byType = table(
    paint,
    ["TYPE", "EVENTS", "BYTES"],
    types.map(({ name, events, bytes }) => [harmless(name), String(events), String(bytes)]),
  );
  const more = moreTypes ? "There are more types.\n" : "";
  const counts = Object.entries(counters).map(([name, count]) => `${harmless(name)} ${count}`);
  return `${shares}\n${byType === "" ? "" : `${byType}${more}\n`}position ${last}, ${producers} producers; ${counts.join(", ")}\n`;
}

function renderEvents(paint: Paint, events: readonly WaitingEventReply[]): string {
  const rows = events.map(({ position, priority, type, id, payload }) => [
    String(position),
    harmless(priority),
    harmless(type),
    harmless(id),
    harmless(Buffer.from(payload).toString("utf8").slice(0, PAYLOAD_CHARS_MAX)),
  ]);
  const list = table(paint, ["POSITION", "PRIORITY", "TYPE", "ID", "PAYLOAD"], rows);
  return list === "" ? "No event waits.\n" : list;
}
