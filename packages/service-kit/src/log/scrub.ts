/** Shorter secrets are not looked for in lines: they would be found in every second one. */
const SECRET_CHARS_MIN = 6;
const HIDDEN = "[hidden]";

const SECRET_KEYS = /"(password|pass|secret|token|authorization|credentials|apiKey|privateKey)":"(?:[^"\\]|\\.)*"/gi;
const URL_CREDENTIALS = /\/\/[^/@\s"\\]+@/g;

/**
 * Makes a function that takes credentials out of a line of JSON, wherever they stand: strings under keys such as
 * `password`, user and password in URLs, and `secrets` themselves.
 */
export function scrubber(secrets: readonly string[]): (line: string) => string {
  const texts = secrets.filter(({ length }) => length >= SECRET_CHARS_MIN).map(inJson);
  return (line) => {
    let clean = line.replace(SECRET_KEYS, `"$1":"${HIDDEN}"`).replace(URL_CREDENTIALS, `//${HIDDEN}@`);
    for (const text of texts) clean = clean.replaceAll(text, HIDDEN);
    return clean;
  };
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
