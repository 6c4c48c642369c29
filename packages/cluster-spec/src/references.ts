import type { Mistake } from "./mistake.ts";
import { nearest } from "./nearest.ts";

/** A service's `after`, as far as it is a list of texts. */
interface Waiting {
  readonly name: string;
  readonly after: readonly { readonly name: string; readonly at: number }[];
}

/**
 * What is wrong with who waits for whom: services that are not there, and circles, in which none could ever start. Looks at the
 * plain value, so that these are told along with whatever else is wrong.
 */
export function referenceMistakes(value: unknown): readonly Mistake[] {
  const services = fieldOf(value, "services");
  if (typeof services !== "object" || services === null || Array.isArray(services)) return [];
  const all = Object.entries(services).map(([name, service]): Waiting => ({ name, after: afterOf(service) }));
  const names = all.map(({ name }) => name);
  const known = new Set(names);
  const dangling = all.flatMap(({ name, after }) =>
    after
      .filter((each) => !known.has(each.name))
      .map((each): Mistake => ({ path: pathOf(name, each.at), message: unknownText(each.name, names) })),
  );
  return [...dangling, ...circles(new Map(all.map((each) => [each.name, each])))];
}

const pathOf = (name: string, at: number): Mistake["path"] => ["services", name, "after", at];

function unknownText(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const hint = meant === undefined ? "add it, or leave this out" : `did you mean ${meant}?`;
  return `there is no service ${JSON.stringify(name.slice(0, 80))} in this file: ${hint}`;
}

/** Each circle once, where the search closes it. */
function circles(services: ReadonlyMap<string, Waiting>): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const done = new Set<string>();
  /** From where the search began to where it is. */
  const way: string[] = [];
  const visit = (service: Waiting): void => {
    way.push(service.name);
    for (const { name, at } of service.after) {
      const next = services.get(name);
      const begins = way.indexOf(name);
      if (begins >= 0) mistakes.push({ path: pathOf(service.name, at), message: circleText(way.slice(begins)) });
      else if (next !== undefined && !done.has(name)) visit(next);
    }
    way.pop();
    done.add(service.name);
  };
  for (const service of services.values()) if (!done.has(service.name)) visit(service);
  return mistakes;
}

/** Names of a circle that are told; the rest is counted. */
const CIRCLE_TOLD_MAX = 8;

function circleText(circle: readonly string[]): string {
  if (circle.length === 1) return `${circle[0]} waits for itself: it could never start; leave this out`;
  const told = circle.slice(0, CIRCLE_TOLD_MAX).join(" waits for ");
  const more = circle.length > CIRCLE_TOLD_MAX ? ` waits for ${circle.length - CIRCLE_TOLD_MAX} more` : "";
  return `${told}${more} waits for ${circle[0]}: none of them could ever start; leave one of these out`;
}

function afterOf(service: unknown): Waiting["after"] {
  const after = fieldOf(service, "after");
  if (!Array.isArray(after)) return [];
  return (after as unknown[]).flatMap((name, at) => (typeof name === "string" ? [{ name, at }] : []));
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, field)
    ? (value as Readonly<Record<string, unknown>>)[field]
    : undefined;
