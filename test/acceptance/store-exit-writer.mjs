// Writes large batches to a store without end, and exits in the midst of it, after the time given. Run by store-exit.test.ts.
import { stat } from "node:fs";
import { openStoreLmdb } from "@halon/store-lmdb";

const [dir, afterMs] = process.argv.slice(2);
const BATCHES = 3_000;
const KEYS = 50_000;
const endMs = performance.now() + Number(afterMs);
const store = await openStoreLmdb({ dir, identity: "c/n1/1" });

let number = 0;
function write() {
  for (let count = 0; count < BATCHES; count++)
    store.write([{ kind: "put", key: `key ${number++ % KEYS}`, value: Buffer.alloc(200) }]);
  store.flush(() => setImmediate(write));
}

// From the poll phase, where signals and messages come in too: between two turns of timers and immediates.
function exitInTime() {
  stat(dir, () => (performance.now() > endMs ? process.exit(7) : exitInTime()));
}
write();
exitInTime();
