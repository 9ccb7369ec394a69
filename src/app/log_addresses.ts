/** Client addresses in the log: as they are, as a hash, or not at all. @module */
import { createHmac, randomBytes } from "node:crypto";
import type { Config } from "../config/mod.ts";
import type { LogEvent } from "../log.ts";

/** So many hashes are remembered, because most lines are of few addresses. */
const MAX_KNOWN = 1000;

/** A sink in front of `sink`, by `logging.addresses`. */
export function maskAddresses(
  sink: (event: LogEvent) => void,
  how: Config["logging"]["addresses"],
): (event: LogEvent) => void {
  if (how === "full") return sink;
  // Kept nowhere: after a restart nobody, fxfer included, can tell which address a hash was.
  const key = randomBytes(32);
  const known = new Map<string, string>();
  const hash = (address: string): string => {
    let text = known.get(address);
    if (text === undefined) {
      text = createHmac("sha256", key).update(address).digest("hex").slice(0, 12);
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(address, text);
    }
    return text;
  };
  return (event) => {
    const { address, ...rest } = event.fields;
    if (typeof address !== "string") return sink(event);
    sink({ ...event, fields: how === "off" ? rest : { ...event.fields, address: hash(address) } });
  };
}
