/** Whether a valid subject falls under a valid pattern: `*` is one token, a last `>` one or more. */
export function matches(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [at, want] of wanted.entries()) {
    if (at >= tokens.length) return false;
    if (want === ">") return true;
    if (want !== "*" && want !== tokens[at]) return false;
  }
  return wanted.length === tokens.length;
}
