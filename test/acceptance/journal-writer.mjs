// Appends to a journal and a store without end and says on its standard output what is durable. Killed by journal-kill.test.ts.
import { writeSync } from "node:fs";
import { openJournalFile } from "@halon/journal-file";
import { openStoreLmdb } from "@halon/store-lmdb";

const [dir, mode] = process.argv.slice(2);
const journal = await openJournalFile({ dir: `${dir}/journal`, identity: "c/n1/1", mode, segmentBytesMax: 20_000 });
const store = await openStoreLmdb({ dir: `${dir}/store`, identity: "c/n1/1" });
const say = (line) => writeSync(1, `${line}\n`);

function writeJournal() {
  for (let count = 0; count < 10; count++) {
    const seq = journal.writtenSeq + 1;
    journal.append(Buffer.from(`${seq}:${"x".repeat(seq % 300)}`));
  }
  journal.flush();
}
journal.onDurable((seq) => {
  say(`journal ${seq}`);
  writeJournal();
});

// Each batch says its number twice, so that a part of one shows.
let batch = Number(Buffer.from(store.get("first") ?? "0"));
function writeStore() {
  for (let count = 0; count < 5; count++) {
    const value = Buffer.from(String(++batch));
    store.write([
      { kind: "put", key: "first", value },
      { kind: "put", key: `filler ${batch % 50}`, value: Buffer.alloc(500) },
      { kind: "put", key: "second", value },
    ]);
  }
  const written = batch;
  store.flush(() => {
    say(`store ${written}`);
    writeStore();
  });
}
writeJournal();
writeStore();
