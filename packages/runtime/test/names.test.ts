import { describe, expect, it } from "vitest";
import { assertKey, assertSubject, KEY_CHARS_MAX, StoreError, TransportError } from "../src/index.ts";

const subjectError = (subject: string, wildcards: boolean): TransportError | undefined => {
  try {
    assertSubject(subject, wildcards);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(TransportError);
    return error as TransportError;
  }
};

describe("assertSubject", () => {
  it.each(["a", "halon.c1.eq.submit", "a.b-c_d.$e.0", "~.!"])("takes %j", (subject) => {
    expect(subjectError(subject, false)).toBeUndefined();
    expect(subjectError(subject, true)).toBeUndefined();
  });

  it.each(["*", ">", "a.*", "a.>", "*.b.*", "a.*.>"])("takes the wildcards of %j in subscriptions only", (subject) => {
    expect(subjectError(subject, true)).toBeUndefined();
    const error = subjectError(subject, false);
    expect(error?.code).toBe("bad-subject");
    expect(error?.message).toContain("a wildcard, which only subscriptions may use");
  });

  it.each([
    ["", 1],
    [".", 1],
    ["a.", 2],
    [".a", 1],
    ["a..b", 2],
    ["a. b", 2],
    ["a.b\n", 2],
    ["a.é", 2],
    ["a.b*", 2],
    ["a.*b", 2],
    [">.a", 1],
    ["a.>b", 2],
    ["a.\x7f", 2],
  ])("refuses %j and names token %i", (subject, token) => {
    for (const wildcards of [false, true]) {
      const error = subjectError(subject, wildcards);
      expect(error?.code).toBe("bad-subject");
      expect(error?.message).toContain(`subject ${JSON.stringify(subject)}: token ${token} (`);
    }
  });
});

describe("assertKey", () => {
  it.each([" ", "~", "a/b c", "x".repeat(KEY_CHARS_MAX)])("takes %j", (key) => {
    expect(() => assertKey(key)).not.toThrow();
  });

  it.each([
    ["", "key of 0 characters"],
    ["x".repeat(KEY_CHARS_MAX + 1), `key of ${KEY_CHARS_MAX + 1} characters`],
    ["a\n", String.raw`"a\n"`],
    ["\x7f", "only printable ASCII"],
    ["é", "only printable ASCII"],
  ])("refuses %j", (key, why) => {
    let refused: unknown;
    try {
      assertKey(key);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(StoreError);
    expect(refused).toMatchObject({ code: "bad-key", message: expect.stringContaining(why) });
  });
});
