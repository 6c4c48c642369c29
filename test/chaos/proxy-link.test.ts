import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProxyLink } from "./proxy-link.ts";

/** All that a socket has received, as text. */
function ear(socket: Socket): { readonly heard: () => string; readonly hears: (text: string) => Promise<void> } {
  let heard = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    heard += text;
  });
  return {
    heard: () => heard,
    hears: async (text) => {
      while (heard !== text) await once(socket, "data");
    },
  };
}

describe("a link through a proxy", () => {
  let server: Server;
  let link: ProxyLink;
  let near: Socket;
  beforeEach(async () => {
    server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    link = await ProxyLink.open((server.address() as AddressInfo).port);
    near = connect(Number(new URL(link.url).port), "127.0.0.1");
  });
  afterEach(async () => {
    near.destroy();
    await link.close();
    server.close();
  });

  it("cut one way lets the other way through, and delivers what waited, in order, when it is restored", async () => {
    const [far] = (await once(server, "connection")) as [Socket];
    const [above, below] = [ear(far), ear(near)];
    near.write("a");
    await above.hears("a");
    link.cut({ up: false, down: true });
    near.write("b");
    far.write("x");
    await below.hears("x");
    expect(above.heard()).toBe("a");
    link.cut({ up: true, down: false });
    far.write("y");
    await above.hears("ab");
    expect(below.heard()).toBe("x");
    link.cut();
    near.write("c");
    link.restore();
    await Promise.all([above.hears("abc"), below.hears("xy")]);
  });

  it("cut keeps the end of one side from the other, and new connections waiting, until it is restored", async () => {
    const [far] = (await once(server, "connection")) as [Socket];
    far.resume();
    const ended = once(far, "close");
    link.cut();
    near.destroy();
    const late = connect(Number(new URL(link.url).port), "127.0.0.1");
    await once(late, "connect");
    late.write("late");
    expect(far.closed).toBe(false);
    const dialled = once(server, "connection");
    link.restore();
    await ended;
    const [newer] = (await dialled) as [Socket];
    await ear(newer).hears("late");
    late.destroy();
  });
});
