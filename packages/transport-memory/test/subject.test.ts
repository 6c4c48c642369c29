import fc from "fast-check";
import { expect, it } from "vitest";
import { matches } from "../src/subject.ts";

/** The dumb twin: the pattern as a regular expression. */
const twin = (pattern: string, subject: string): boolean =>
  new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^.]+").replace(/>$/, ".+")}$`).test(subject);

const token = fc.constantFrom("a", "b", "ab");
const subject = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join("."));
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant("*")), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([tokens, open]) => [...tokens, ...(open ? [">"] : [])].join("."));

it("a pattern matches what its regular expression does", () => {
  fc.assert(
    fc.property(pattern, subject, (wanted, given) => {
      expect(matches(wanted, given)).toBe(twin(wanted, given));
    }),
    { numRuns: 2_000 },
  );
});
