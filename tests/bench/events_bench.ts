/** What an event costs: one of the most frequent kind, built and told. @module */
import { Events } from "../../src/events.ts";
import { createLogger, logEvents } from "../../src/log.ts";

const PATH = "received_0123456789abcdef0123456789abcdef.bin";

function tell(events: Events, connection: number): void {
  events.emit({
    type: "transfer.stored",
    rule: "S-TRF-7",
    connection,
    path: PATH,
    bytes: connection * 1024,
    ms: 3,
  });
}

const silent = new Events();
const warning = new Events();
logEvents(warning, createLogger(() => {}, "warn"));
const heard = new Events();
let told = 0;
heard.subscribe(() => told++);

let n = 0;
Deno.bench("an event with no listener, built and told", () => tell(silent, n++));
Deno.bench("an event that is asked for first, with no listener", () => {
  if (silent.wants("transfer.stored")) tell(silent, n++);
});
Deno.bench("an event below the level of the log", () => tell(warning, n++));
Deno.bench("an event with one listener", () => tell(heard, n++));
