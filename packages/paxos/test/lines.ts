import { type Ballot, createMembership, formatBallot, type MemberId, type Membership } from "@halon/consensus";
import { bytesOf, textOf } from "@halon/consensus/conformance";
import { PAXOS_DEFAULTS } from "../src/config.ts";
import type { Content, Entry, PaxosMessage, PaxosRecord } from "../src/message.ts";
import { nextBoot } from "../src/peers.ts";

/** The `life`-th life, counted from 1, that drew the number `draw`. */
export const bootOf = (life: number, draw = 0): number => life * nextBoot(0, 0) + draw;

/** `2`, or `2#7` for a life that drew 7. */
function bootText(boot: number): string {
  const draw = boot % bootOf(1);
  return `${Math.floor(boot / bootOf(1))}${draw > 0 ? `#${draw}` : ""}`;
}

/** `3.b` */
function ballotOf(text: string): Ballot {
  const [, round = "", member = ""] = /^(\d*)\.?(.*)$/.exec(text) ?? [];
  return { round: Number(round), member: member === "-" ? "" : member };
}

/** A value, or `stop(a+b)`. */
const contentText = ({ value, members }: Content): string => (members ? `stop(${members.join("+")})` : textOf(value));

function contentOf(text: string): Content {
  const members = /^stop\((.*)\)$/.exec(text)?.[1]?.split("+");
  return { value: bytesOf(members ? "" : text), ...(members && { members }) };
}

const entryText = (entry: Entry): string => `${entry.number}:${formatBallot(entry.ballot)}:${contentText(entry)}`;

function entryOf(text: string): Entry {
  const [number = "", ballot = "", content = ""] = text.split(":");
  return { number: Number(number), ballot: ballotOf(ballot), ...contentOf(content) };
}

/** `2:a+b` */
export const membershipText = ({ legislature, members }: Membership): string => `${legislature}:${members.join("+")}`;

export function membershipOf(text: string): Membership {
  const [legislature = "", members = ""] = text.split(":");
  return createMembership(members.split("+"), Number(legislature));
}

function fieldText(name: string, value: unknown): string {
  if (value instanceof Uint8Array) return textOf(value);
  if (name === "boot") return bootText(value as number);
  if (name === "members") return (value as readonly MemberId[]).join("+");
  if (name === "entries") return `[${(value as readonly Entry[]).map(entryText).join(",")}]`;
  if (name === "values") return `[${(value as readonly Content[]).map(contentText).join(",")}]`;
  if (name === "membership") return membershipText(value as Membership);
  return typeof value === "object" ? formatBallot(value as Ballot) : `${value as string | number | boolean}`;
}

/** One line: the kind, then each field as `name=value`; a lease as long as by default is left out. */
export function lineOf({ kind, ...fields }: PaxosMessage | PaxosRecord): string {
  const given = Object.entries(fields).filter(
    ([name, value]) => value !== undefined && !(name === "leaseMs" && value === PAXOS_DEFAULTS.leaseMs),
  );
  return [kind, ...given.map(([name, value]) => `${name}=${fieldText(name, value)}`)].join(" ");
}

/** The message that `lineOf` would write so. A number that is left out is 0, a ballot the lowest, `ask` and `more` are false. */
export function messageOf(line: string): PaxosMessage {
  const [kind, ...words] = line.split(" ");
  const fields = new Map(words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
  const text = (name: string): string => fields.get(name) ?? "";
  const number = (name: string): number => Number(text(name) || 0);
  const items = (name: string): string[] => text(name).replace(/[[\]]/g, "").split(",").filter(Boolean);
  const ballot = ballotOf(text("ballot"));
  const promised = ballotOf(text("promised"));
  const [from, at, chosen] = [number("from"), number("number"), number("chosen")];
  switch (kind) {
    case "probe":
      return { kind, chosen };
    case "probeOk":
    case "refused":
      return { kind, promised };
    case "prepare":
      return { kind, ballot, from };
    case "prepareOk":
      return { kind, ballot, chosen, entries: items("entries").map(entryOf), more: text("more") === "true" };
    case "accept": {
      const content = text("members") ? contentOf(`stop(${text("members")})`) : contentOf(text("value"));
      return { kind, ballot, number: at, chosen, ...content };
    }
    case "acceptOk":
      return { kind, ballot, number: at };
    case "heartbeat":
      return { kind, ballot, chosen, round: number("round"), leaseMs: number("leaseMs") || PAXOS_DEFAULTS.leaseMs };
    case "heartbeatOk":
      return { kind, ballot, round: number("round"), granted: text("granted") === "true", chosen };
    case "learnRequest":
      return { kind, from };
    case "learnReply":
      return { kind, from, values: items("values").map(contentOf), chosen, more: text("more") === "true" };
    case "learnTrimmed":
      return { kind, trimmed: number("trimmed"), chosen };
    case "hello":
      return { kind, promised, accepted: number("accepted"), chosen, ask: text("ask") === "true" };
    case "disowned":
      return { kind, why: text("why") };
    default:
      throw new Error(`no message: ${line}`);
  }
}
