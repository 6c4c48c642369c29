export { type Opened, type OpenOptions, openCluster } from "./opening.ts";
export { SPEC_DEFAULT } from "./options.ts";
export { listenForStop } from "./stop-signals.ts";
export * from "./story/step.ts";
export { tellStory } from "./story/story.ts";
