/** How a value of the state stands in its key: the same bytes for the same value, on every member and in every version. */
export interface ValueCodec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

/** Nesting of what is sent. Deeper, and whether it can be read would depend on who reads it. */
const DEPTH_MAX = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Values as JSON. Fields stand in the order in which the program sets them. */
export const json = <Value>(): ValueCodec<Value> => ({
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)) as Value,
});

/** What `JSON.parse` says, but for what is nested too deeply. Throws SyntaxError and TypeError. */
export function parseBounded(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  let [depth, isQuoted] = [0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character === "\\") at++;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth--;
    if (depth > DEPTH_MAX) throw new SyntaxError(`nested more than ${DEPTH_MAX} deep`);
  }
  return JSON.parse(text);
}
