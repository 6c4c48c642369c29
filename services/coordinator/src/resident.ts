import { type ActivateReply, type Post, subjectsOf } from "@halon/proto";
import type { Coordinator } from "./service.ts";

export interface ResidentPorts {
  readonly post: Post;
  /** Runs an epoch; `onStop` once, when it is over by itself. */
  readonly run: (epoch: number, onStop: (reason: string) => void) => Coordinator;
}

/**
 * A coordinator that waits on its node until the node's agent activates it, and after each epoch waits again. A higher
 * epoch replaces the one that runs; an epoch is run once.
 */
export class Resident {
  readonly #ports: ResidentPorts;
  readonly #node: string;
  readonly #unsubscribe: () => void;
  /** The newest that was activated. */
  #epoch = 0;
  #running: Coordinator | undefined;

  constructor(node: string, ports: ResidentPorts) {
    this.#node = node;
    this.#ports = ports;
    const { post } = ports;
    const subscription = post.subscribe(
      subjectsOf(post.cluster).residentCoordinator(node),
      "activate",
      ({ value, respond }) => respond?.({ kind: "activateReply", value: this.#activate(value.epoch, value.node) }),
    );
    this.#unsubscribe = () => subscription.unsubscribe();
  }

  get status(): Readonly<Record<string, unknown>> {
    return { waiting: this.#running === undefined, epoch: this.#epoch, ...this.#running?.status() };
  }

  stop(): void {
    this.#unsubscribe();
    this.#running?.stop();
    this.#running = undefined;
  }

  #activate(epoch: number, node: string): ActivateReply {
    if (node !== this.#node) return refused(`this is node ${this.#node}, not ${node}`);
    if (epoch < this.#epoch || epoch < 1) return refused(`epoch ${this.#epoch} was activated here already`);
    if (epoch === this.#epoch)
      return this.#running === undefined
        ? refused(`the coordinator of epoch ${epoch} has ended`)
        : { outcome: "running", message: `epoch ${epoch}` };
    this.#running?.stop();
    this.#epoch = epoch;
    this.#running = this.#ports.run(epoch, () => {
      if (this.#epoch === epoch) this.#running = undefined;
    });
    return { outcome: "started", message: `epoch ${epoch}` };
  }
}

const refused = (message: string): ActivateReply => ({ outcome: "refused", message });
