import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SUBJECT_TABLE, subjectsOf } from "../src/index.ts";

const root = join(import.meta.dirname, "../..");

const rows = SUBJECT_TABLE.map(
  ({ subject, kind, reply, sender, receiver, limit }) =>
    `| \`${subject}\` | ${kind} | ${reply ?? ""} | ${sender} | ${receiver} | ${limit} |`,
);

function sources(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith(".ts") &&
        !/(^|\/)(dist|gen|test|node_modules)(\/|$)/.test(entry.parentPath),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("subjects", () => {
  it("stand in the README exactly as in the table of the code", () => {
    const readme = readFileSync(join(root, "proto/README.md"), "utf8");
    const found = readme.split("\n").filter((line) => line.startsWith("| `halon."));
    expect(found).toEqual(rows);
  });

  it("are all in the table", () => {
    const built = Object.values(subjectsOf("CLUSTER")).map((subject) =>
      typeof subject === "string" ? subject : (subject as (...names: string[]) => string)("X", "Y"),
    );
    const generic = (subject: string): string =>
      subject.replace(/STATION|ROLE|NODE|MONITOR|X/g, "?").replace(/SERVICE|Y/g, "?");
    expect(built.map(generic).sort()).toEqual(SUBJECT_TABLE.map(({ subject }) => generic(subject)).sort());
  });

  it("are built in one place: no other source spells a subject out", () => {
    const own = join(root, "proto/src/subjects.ts");
    const offenders = ["packages", "services", "proto"]
      .flatMap((dir) => sources(join(root, dir)))
      .filter((file) => file !== own && /[`"']halon\.\$\{/.test(readFileSync(file, "utf8")));
    expect(offenders, "build subjects with subjectsOf() of @halon/proto").toEqual([]);
  });
});
