import { type SimulatedProcess, World } from "@halon/simulation";
import type { ListInput } from "./list-machine.ts";
import type { LogProcessClient } from "./log-client.ts";
import { LogGroup, type LogGroupOptions } from "./log-group.ts";

/** Virtual time within which a group that can work does. */
export const PATIENCE_MS = 20_000;

/** A group whose clients call only when told to. */
export function quiet(options: Partial<LogGroupOptions> = {}, seed = 1): LogGroup {
  const world = new World({ seed, replay: "npx vitest run --project unit test/simulation" });
  const founders = options.founders ?? options.stations ?? 3;
  return new LogGroup(world, { founders, stations: founders, clients: 2, busy: false, ...options });
}

export function clientOf(process: SimulatedProcess<LogProcessClient> | undefined): LogProcessClient {
  if (process?.instance === undefined) throw new Error("the client is down");
  return process.instance;
}

/** Makes a call and waits for its answer. */
export function ask(group: LogGroup, client: LogProcessClient, input: ListInput): string {
  let answer: string | undefined;
  let isOver = false;
  client.call(input, (each) => {
    answer = each;
    isOver = true;
  });
  group.world.until(
    () => isOver,
    PATIENCE_MS,
    () => `an answer to ${input.op}: ${group.describe()}`,
  );
  if (answer === undefined) throw group.world.failure("liveness", `${input.op} ${input.key} was given up`);
  return answer;
}

export function settle(group: LogGroup): void {
  group.world.until(
    () => group.waiting === 0 && group.isEven,
    PATIENCE_MS,
    () => `one leads, and all have applied all: ${group.describe()}`,
  );
}

/** Appends from all clients at once; what is acknowledged is added to `acknowledged`. */
export function appendMany(group: LogGroup, acknowledged: string[]): void {
  for (const process of group.clients)
    for (let count = 0; count < 5; count++) {
      const client = clientOf(process);
      const element = client.newElement();
      client.call({ op: "append", key: "k", element }, (answer) => {
        if (answer !== undefined) acknowledged.push(element);
      });
    }
}

export interface PowerCutOptions extends Partial<LogGroupOptions> {
  readonly seed: number;
  readonly stations: number;
}

/**
 * All stations die at once, several times, as soon as some appends are acknowledged and others are on their way, and
 * start again from their disks, which are slow. Throws a SimulationFailure (`durability`) when an acknowledged append is
 * not there exactly once in the end.
 */
export function cutAllPower({ seed, ...options }: PowerCutOptions): void {
  const group = quiet({ clients: 3, ...options }, seed);
  const { world } = group;
  for (const name of group.names) world.machine(name).diskSlowness = 10;
  settle(group);
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) {
    appendMany(group, acknowledged);
    const enough = acknowledged.length + 1 + world.chance.below(10);
    world.until(() => acknowledged.length >= enough, PATIENCE_MS, "some appends are acknowledged");
    for (const station of group.stations) station.kill();
    world.runFor(200);
    for (const station of group.stations) station.start();
  }
  settle(group);
  assertKept(group, acknowledged);
  world.finish();
}

/** Throws a SimulationFailure (`durability`) unless each element is in the list exactly once. */
export function assertKept(group: LogGroup, acknowledged: readonly string[]): void {
  const list = ask(group, clientOf(group.clients[0]), { op: "read", key: "k" }).split(" ");
  for (const element of acknowledged) {
    const count = list.filter((each) => each === element).length;
    if (count !== 1)
      throw group.world.failure("durability", `${element} was acknowledged, and is there ${count} times`);
  }
}

/** The others of `group` than this station. */
export const othersThan = (group: LogGroup, name: string): readonly string[] =>
  group.names.filter((each) => each !== name);

/** Name of the station that leads. */
export function leaderOf(group: LogGroup): string {
  const name = group.leader?.machine.name;
  if (name === undefined) throw group.world.failure("liveness", "nobody leads");
  return name;
}

/** Waits for an outcome of a change of who votes. */
export function reconfigure(group: LogGroup, request: Parameters<LogGroup["reconfigure"]>[0]): string {
  let outcome: string | undefined;
  group.reconfigure(request, (each) => {
    outcome = each;
  });
  group.world.until(() => outcome !== undefined, PATIENCE_MS, "an outcome of the reconfiguration");
  return outcome ?? "";
}
