/** Thrown by a command, or a projection, that does not do what it is asked: its caller is told the message, nothing is changed. */
export class StateRefusal extends Error {
  override readonly name = "StateRefusal";
}

/** Does not do what a command was asked. The same on all members: `message` must depend on state and arguments only. */
export function refuse(message: string): never {
  throw new StateRefusal(message);
}
