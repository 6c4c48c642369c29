import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Workspace packages are tested from their sources: the condition picks `src/index.ts` out of each exports map.
const conditions = ["@halon/source", "node", "import", "module", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "{packages,services}/*/test/**/*.test.ts",
            "proto/test/**/*.test.ts",
            "test/{architecture,simulation}/**/*.test.ts",
          ],
          // Against hanging only: a loaded machine is no failure.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          // Real processes: one file at a time, after everything else.
          name: "processes",
          include: ["test/{acceptance,chaos}/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
