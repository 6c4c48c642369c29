export { WINDOW_DEFAULTS, type WindowLimits } from "./change-window.ts";
export {
  ANSWER_BYTES_MAX,
  type StateChange,
  WATCH_WAIT_MS_MAX,
  type WatchAnswer,
  type WatchFrom,
  type WatchNews,
  type WatchRefusalCode,
  type WatchRequest,
} from "./watch.ts";
export {
  decodeWatchAnswer,
  decodeWatchRequest,
  encodeWatchAnswer,
  encodeWatchRequest,
  WatchCodecError,
} from "./watch-codec.ts";
export { WATCHERS_MAX } from "./watch-desk.ts";
export { TELL_MS, WATCHED_MS, type WatchOptions, type WatchStatus } from "./watched-state.ts";
export { type Tell, WATCHES_MAX } from "./watcher.ts";
