import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";

/**
 * Makes this process the one agent of a state directory, until it ends: whoever listens on the socket is. Rejects when
 * another one is alive.
 */
export function lockState(path: string): Promise<void> {
  return new Promise((locked, refused) => {
    const server = createServer((socket) => socket.destroy());
    server.listen(path, () => {
      server.unref();
      locked();
    });
    server.once("error", () => {
      const other = connect(path);
      other.once("connect", () => {
        other.destroy();
        refused(new Error(`another agent is running with ${path}: stop it, or give this one its own stateDir`));
      });
      other.once("error", () => {
        // Its owner is dead.
        rmSync(path, { force: true });
        const again = createServer((socket) => socket.destroy());
        again.once("error", refused).listen(path, () => {
          again.unref();
          locked();
        });
      });
    });
  });
}
