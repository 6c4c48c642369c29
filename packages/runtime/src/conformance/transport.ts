import type { SuiteApi } from "./suite.ts";
import { closing, connectionLoss } from "./transport-connection.ts";
import type { Check, TransportHarness } from "./transport-harness.ts";
import { delivery, misuse, payloads, publishing, queueGroups } from "./transport-messages.ts";
import { requests } from "./transport-requests.ts";

export type { TransportHarness };

/**
 * What every {@link Transport} must do. `harness` makes a bus for one test; the suite closes it. Takes the test runner's
 * functions, so that it imports none.
 */
export function transportConformance(tools: SuiteApi, harness: () => Promise<TransportHarness>): void {
  const check: Check = (name, body) => {
    tools.it(name, async () => {
      const bus = await harness();
      try {
        await body(bus, tools.expect);
      } finally {
        await bus.close();
      }
    });
  };
  tools.describe("publish and subscribe", () => publishing(check));
  tools.describe("queue groups", () => queueGroups(check));
  tools.describe("delivery", () => delivery(check));
  tools.describe("payloads", () => payloads(check));
  tools.describe("requests", () => requests(check));
  tools.describe("misuse", () => misuse(check));
  tools.describe("connection loss", () => connectionLoss(check));
  tools.describe("closing", () => closing(check));
}
