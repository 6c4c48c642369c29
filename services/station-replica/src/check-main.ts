import { checkStore, soundText } from "./check-store.ts";

// What a station has a child process do before it opens its applied state: as little as possible beside it is loaded here.
const [path = "", identity = ""] = process.argv.slice(2);
const checked = await checkStore(path, identity, { withNotes: true });
if ("damage" in checked) {
  console.error(checked.damage);
  process.exitCode = 1;
} else console.log(soundText(checked));
