import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer, type PromulgateOutcome } from "@halon/event-queue";
import { encodeEventPayload } from "@halon/proto";
import type { EdgeCluster } from "./edge-cluster.ts";

/** A process that submits events and keeps book of what became of them. */
export class Reporter {
  readonly node: string;
  /** Texts of the events that were acknowledged, in that order. */
  readonly acknowledged: string[] = [];
  readonly outcomes: PromulgateOutcome[] = [];
  #promulgate: (type: string, payload: Uint8Array, mergeKey: string | undefined, done: () => void) => void = () =>
    undefined;

  constructor(cluster: EdgeCluster, node: string) {
    this.node = node;
    cluster.start(`${node}.node-agent`, (ports) => {
      const tracker = new EqTracker(ports);
      const replicator = createStationReplicator({ ...ports, tracker });
      const producer = new Producer(`${node}.node-agent`, { ...ports, replicator, tracker });
      this.#promulgate = (type, payload, mergeKey, done) =>
        producer.promulgate(type, payload, mergeKey === undefined ? {} : { mergeKey }, (outcome) => {
          this.outcomes.push(outcome);
          if (outcome.kind === "stored") done();
        });
      return {
        status: () => ({ waiting: producer.waiting }),
        stop: () => {
          producer.stop();
          replicator.stop();
          tracker.stop();
        },
      };
    });
  }

  submit(text: string, done: () => void = () => undefined): void {
    this.#promulgate("test", new TextEncoder().encode(text), undefined, () => {
      this.acknowledged.push(text);
      done();
    });
  }

  /** One after the other, each when the one before is acknowledged. */
  submitInTurn(texts: readonly string[]): void {
    const [first, ...others] = texts;
    if (first !== undefined) this.submit(first, () => this.submitInTurn(others));
  }

  accuse(node: string, session: number, silentMs: number): void {
    const value = { node, session, accusations: [{ monitor: this.node, silentMs }] };
    const payload = encodeEventPayload({ kind: "nodeUnreachable", value });
    this.#promulgate("node-unreachable", payload, `${node}/${session}`, () =>
      this.acknowledged.push(`${node}/${session}`),
    );
  }
}
