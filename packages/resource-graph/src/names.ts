import { GraphError } from "./graph-error.ts";

declare const ofType: unique symbol;

/** Id of a vertex of type `N`, checked. At run time a string; at compile time it fits only where that type is meant. */
export type Id<N extends string> = string & { readonly [ofType]: N };

/** An `Id<N>` or any string not known to be the id of another type; it is checked where it is taken. */
export type IdText<N extends string> = string & { readonly [ofType]?: N };

export const ID_CHARS_MAX = 256;
/** Length of an id in a store's key, where what is not printable ASCII takes more. Two of them must fit into one key. */
export const ID_ESCAPED_CHARS_MAX = 400;
export const NAME_CHARS_MAX = 40;
/** Vertex types and relations that one graph may hold, unknown ones included. */
export const TYPES_MAX = 512;
export const RELATIONS_MAX = 2_048;

const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
/** What a store's key cannot carry as it is: all but printable ASCII, the separator and the escape itself. */
const UNSAFE = /[^\x20-\x7e]|[/%]/gu;
/** All that {@link escapeId} can produce, but for what is not UTF-8. */
const ESCAPED = /^(?:[\x20-\x24\x26-\x2e\x30-\x7e]|%(?:2F|25|7F|[0189A-F][0-9A-F]))+$/;
const PRINTABLE = /^[\x20-\x7e]+$/;
/** Characters that one printable character takes at most when escaped. */
const ESCAPE_CHARS = 3;

export const isName = (text: string): boolean => text.length <= NAME_CHARS_MAX && NAME.test(text);

/** `text`, as the name of a type or relation. Throws `bad-name`. */
export function checkedName(text: string): string {
  if (isName(text)) return text;
  throw new GraphError(
    "bad-name",
    `name ${JSON.stringify(text.slice(0, 80))}: 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 _ -, a letter first`,
  );
}

/** Percent-escaped form of an id, printable ASCII without `/`. */
export const escapeId = (id: string): string => (id.search(UNSAFE) < 0 ? id : id.replace(UNSAFE, escapeCharacter));

const escapeCharacter = (character: string): string => encodeURIComponent(character);

/** The reverse of {@link escapeId}, or undefined for what it does not produce from an id. */
export function unescapeId(escaped: string): string | undefined {
  if (escaped.length > ID_ESCAPED_CHARS_MAX || !ESCAPED.test(escaped)) return undefined;
  try {
    // Also where nothing is escaped, as it makes a copy: a slice of a key would keep the whole key in memory.
    const id = decodeURIComponent(escaped);
    return id.length <= ID_CHARS_MAX ? id : undefined;
  } catch {
    return undefined;
  }
}

const [SPACE, PERCENT, SLASH, TWO, FIVE, LETTER_F, TILDE] = [0x20, 0x25, 0x2f, 0x32, 0x35, 0x46, 0x7e];

/**
 * Whether {@link unescapeId} takes these bytes, told of nearly all ids without making a string of them: of printable ASCII, of
 * which only `/` and `%` are escaped. False: it must be asked.
 */
export function isPlainlyEscaped(bytes: Uint8Array, from: number, to: number): boolean {
  if (to <= from || to - from > ID_CHARS_MAX) return false;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte < SPACE || byte > TILDE || byte === SLASH) return false;
    if (byte !== PERCENT) continue;
    if (at + 2 >= to || bytes[at + 1] !== TWO) return false;
    if (bytes[at + 2] !== LETTER_F && bytes[at + 2] !== FIVE) return false;
  }
  return true;
}

/** Why `text` cannot be an id, or undefined when it can. */
export function idProblem(text: string): string | undefined {
  if (text.length === 0) return "is empty";
  if (text.length * ESCAPE_CHARS <= ID_ESCAPED_CHARS_MAX && PRINTABLE.test(text)) return undefined;
  if (text.length > ID_CHARS_MAX) return `has ${text.length} characters, more than ${ID_CHARS_MAX}`;
  if (/\p{Surrogate}/u.test(text)) return "has half of a surrogate pair, which UTF-8 cannot carry";
  const escapedChars = escapeId(text).length;
  if (escapedChars > ID_ESCAPED_CHARS_MAX)
    return `has ${escapedChars} characters when escaped, more than ${ID_ESCAPED_CHARS_MAX}`;
  return undefined;
}

/** `text`, as the id of a vertex of type `type`. Throws `bad-id`. */
export function checkedId<N extends string>(type: N, text: string): Id<N> {
  const problem = idProblem(text);
  if (problem === undefined) return text as Id<N>;
  throw new GraphError("bad-id", `id ${JSON.stringify(text.slice(0, 80))} of a ${type} ${problem}`);
}

/** Identity of a relation. Throws `bad-name`. */
export const relationKey = (from: string, name: string, to: string): string =>
  `${checkedName(from)}.${checkedName(name)}.${checkedName(to)}`;

/** The two ends of a relation. */
export interface EndTypes {
  readonly from: string;
  readonly to: string;
}

/** Answers of {@link endTypes}: it is asked about the same few keys over and over. */
const knownEndTypes = new Map<string, EndTypes>();

/** Types at the two ends of the relation with that key. Throws `bad-name` for what is no relation's key. */
export function endTypes(key: string): EndTypes {
  const known = knownEndTypes.get(key);
  if (known !== undefined) return known;
  const [from, name, to, ...rest] = key.split(".");
  if (from === undefined || name === undefined || to === undefined || rest.length > 0)
    throw new GraphError("bad-name", `relation ${JSON.stringify(key.slice(0, 150))}: From.name.To is expected`);
  relationKey(from, name, to);
  const types = { from, to };
  if (knownEndTypes.size === RELATIONS_MAX) knownEndTypes.clear();
  knownEndTypes.set(key, types);
  return types;
}
