import { connect } from "node:net";
import type { Cancel, Clock } from "@halon/runtime";

const PROBE_MS = 50;
const CONNECT_MS_MAX = 1_000;
/** A program that does not listen counts as answering when it has been alive for this long. */
const ALIVE_MS = 1_000;

/** `answers` once, when something listens on the port of this machine, or after {@link ALIVE_MS}. */
export function probeAnswer(clock: Clock, port: number, answers: () => void): Cancel {
  let cancelWait: Cancel = () => {};
  let isOver = false;
  const end = (): void => {
    isOver = true;
    cancelWait();
    cancelAlive();
  };
  const succeed = (): void => {
    if (isOver) return;
    end();
    answers();
  };
  const cancelAlive = clock.at(clock.nowMs() + ALIVE_MS, succeed);
  const attempt = (): void => {
    const socket = connect({ host: "localhost", port, autoSelectFamily: true, timeout: CONNECT_MS_MAX });
    const again = (): void => {
      socket.destroy();
      if (!isOver) cancelWait = clock.at(clock.nowMs() + PROBE_MS, attempt);
    };
    socket.once("connect", () => {
      socket.destroy();
      succeed();
    });
    socket.once("error", again).once("timeout", again);
  };
  if (port !== 0) attempt();
  return end;
}
