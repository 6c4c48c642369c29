import { InvalidArgumentError } from "commander";

const ADDRESSES_MAX = 16;
const TIMEOUT_S_MIN = 0.1;
const TIMEOUT_S_MAX = 600;
const WAIT_S_MAX = 86_400;
/** Vertices of one page: no station gives more. */
export const PAGE_MAX = 1_000;

/** `HOST:PORT,HOST:PORT`. Like the others here it throws what commander tells the user. */
export function addresses(text: string): readonly string[] {
  const list = text.split(",").map((each) => each.trim());
  const wrong = list.find((each) => !/^(?:\[[0-9a-f:.]+\]|[^:\s[\]/]+):\d{1,5}$/i.test(each));
  if (wrong !== undefined) throw new InvalidArgumentError(`Write HOST:PORT, not ${JSON.stringify(wrong)}.`);
  if (list.length > ADDRESSES_MAX) throw new InvalidArgumentError(`At most ${ADDRESSES_MAX} addresses.`);
  return list;
}

/** A time in seconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= TIMEOUT_S_MIN && value <= TIMEOUT_S_MAX))
    throw new InvalidArgumentError(`Seconds, from ${TIMEOUT_S_MIN} to ${TIMEOUT_S_MAX}.`);
  return value;
}

/** A time in seconds that one is ready to wait; 0: not at all. */
export function waitSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= WAIT_S_MAX))
    throw new InvalidArgumentError(`Seconds, from 0 to ${WAIT_S_MAX}.`);
  return value;
}

/** A number of vertices. */
export function limit(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < 1 || value > PAGE_MAX)
    throw new InvalidArgumentError(`A whole number from 1 to ${PAGE_MAX}.`);
  return value;
}
