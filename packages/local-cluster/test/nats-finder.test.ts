import { describe, expect, it } from "vitest";
import { type FinderPorts, findNats, isDebian } from "../src/nats-finder.ts";

interface Machine extends Partial<FinderPorts> {
  /** Programs that are there. */
  programs?: string[];
}

/** A machine without nats-server, and what was done to it. */
function machine({ programs = [], ...ports }: Machine = {}) {
  const done: string[] = [];
  const said: string[] = [];
  const all: FinderPorts = {
    env: { PATH: "/bin:/home/me/bin" },
    platform: "linux",
    isRoot: false,
    isExecutable: (path) => programs.includes(path),
    osRelease: () => "",
    run: async (command) => {
      done.push(command.join(" "));
      return { code: 0, output: "" };
    },
    say: (line) => said.push(line),
    ...ports,
  };
  return { ports: all, done, said, programs };
}

const DEBIAN = 'PRETTY_NAME="Debian"\nID=debian\n';

describe("finding nats-server", () => {
  it("prefers the brokers that HALON_NATS_URL lists", async () => {
    const { ports } = machine({
      env: { HALON_NATS_URL: "nats://a:1, nats://b:2 ,", PATH: "/bin" },
      programs: ["/bin/nats-server"],
    });
    expect(await findNats(ports)).toEqual({ kind: "external", urls: ["nats://a:1", "nats://b:2"] });
  });

  it("takes the first on the PATH, an empty HALON_NATS_URL being none", async () => {
    const { ports } = machine({
      env: { HALON_NATS_URL: "", PATH: "/bin:/home/me/bin" },
      programs: ["/usr/sbin/nats-server", "/home/me/bin/nats-server"],
    });
    expect(await findNats(ports)).toEqual({ kind: "program", path: "/home/me/bin/nats-server" });
  });

  it("looks where packages put it, which is not on an ordinary PATH", async () => {
    const { ports, done } = machine({ programs: ["/usr/sbin/nats-server"], isRoot: true, osRelease: () => DEBIAN });
    expect(await findNats(ports)).toEqual({ kind: "program", path: "/usr/sbin/nats-server" });
    expect(done).toEqual([]);
  });

  it("installs Debian's package when root, and says so", async () => {
    const found = machine({ isRoot: true, osRelease: () => DEBIAN });
    const run: FinderPorts["run"] = async (command) => {
      found.done.push(command.join(" "));
      found.programs.push("/usr/sbin/nats-server");
      return { code: 0, output: "" };
    };
    expect(await findNats({ ...found.ports, run })).toEqual({ kind: "program", path: "/usr/sbin/nats-server" });
    expect(found.done).toEqual(["apt-get install --yes --no-install-recommends nats-server"]);
    expect(found.said).toEqual(["nats-server is not installed: installing Debian's package with apt-get"]);
  });

  it("fetches package lists when there are none, and gives up with what apt-get said", async () => {
    const { ports, done } = machine({ isRoot: true, osRelease: () => DEBIAN });
    const run: FinderPorts["run"] = async (command) => {
      done.push(command[1] ?? "");
      return { code: 100, output: "Unable to locate package nats-server" };
    };
    await expect(findNats({ ...ports, run })).rejects.toThrow(/exit 100.*\n.*Unable to locate.*\n.*HALON_NATS_URL/s);
    expect(done).toEqual(["install", "update", "install"]);
  });

  it.each([
    ["linux", { osRelease: (): string => DEBIAN }, /apt-get install nats-server` as root/],
    ["linux", { isRoot: true, osRelease: (): string => "ID=fedora\n" }, /github.com\/nats-io\/nats-server/],
    ["darwin", { isRoot: true }, /brew install nats-server/],
    ["win32", {}, /winget install|WSL/],
  ] as const)("says what to do on %s without it, in one sentence", async (platform, ports, expected) => {
    const { ports: all, done } = machine({ ...ports, platform });
    await expect(findNats(all)).rejects.toThrow(expected);
    await expect(findNats(all)).rejects.toThrow(/HALON_NATS_URL=nats:\/\//);
    expect(done).toEqual([]);
  });

  it.each([
    [DEBIAN, true],
    ["ID=ubuntu\nID_LIKE=debian\n", true],
    ['ID=foo\nID_LIKE="bar debian"\n', true],
    ["ID=fedora\nHOME_URL=https://debian.org\n", false],
    ["", false],
  ])("knows Debian and what is made of it: %j", (text, expected) => expect(isDebian(text)).toBe(expected));
});
