import { commonFields, defineConfig } from "@halon/service-kit";
import { z } from "zod";

/** What a transponder is told. */
export const transponderConfig = defineConfig({
  service: "transponder",
  about: "merges reports on their way up, fans out batch jobs on their way down",
  schema: z.strictObject({ ...commonFields }),
});
