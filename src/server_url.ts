/** The address of a server as one text, with all that a client needs (S-URL-1). @module */
import { parseEndpoint, parseHost } from "./address.ts";

/** What an address says. */
export interface ServerAddress {
  readonly hostname: string;
  /** 1 to 65535; absent where the address names none. */
  readonly port?: number;
  /** Whether it is `fxfers://`. */
  readonly tls: boolean;
  /** The key, as text. */
  readonly key?: string;
  readonly pin?: string;
}

/** Whether a text can be the pin of a server's certificate (S-TLS-1). */
export function isPin(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Whether a text is meant as an address, right or wrong. */
export function isServerUrl(text: string): boolean {
  return /^fxfers?:\/\//i.test(text);
}

/** Reads `fxfer://[KEY@]HOST[:PORT][?pin=HEX]` or `fxfers://…`; what is wrong with another text, without repeating it. */
export function parseServerUrl(text: string): ServerAddress | { readonly fault: string } {
  const [, scheme, key, place, query] =
    /^(fxfers?):\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?(?:\?(.*))?$/i.exec(text.trim()) ?? [];
  if (place === undefined) return { fault: "an address is fxfers://[KEY@]HOST[:PORT][?pin=HEX]" };
  const tls = scheme!.toLowerCase() === "fxfers";
  const endpoint = parseEndpoint(place);
  const hostname = endpoint?.hostname ?? parseHost(place);
  if (hostname === undefined) {
    return { fault: "the address names no server behind fxfer:// or the key's @" };
  }
  if (key !== undefined && !/^fxfer_[a-z0-9-]+_[A-Za-z0-9_-]{43}$/.test(key)) {
    return { fault: "what stands before the @ of the address is not a whole key" };
  }
  const [, pin] = /^pin=(.*)$/.exec(query ?? "") ?? [];
  if (query !== undefined && (pin === undefined || !isPin(pin.toLowerCase()))) {
    return { fault: "behind the ? of the address comes pin= and 64 hex digits (was it cut?)" };
  }
  if (pin !== undefined && !tls) {
    return { fault: "a pin is for a server with TLS, whose address begins with fxfers://" };
  }
  return {
    hostname,
    tls,
    ...(endpoint && { port: endpoint.port }),
    ...(key === undefined ? {} : { key }),
    ...(pin === undefined ? {} : { pin: pin.toLowerCase() }),
  };
}

/** An address as text. @param port Left out where it is absent. */
export function formatServerUrl({ hostname, port, tls, key, pin }: ServerAddress): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return [
    tls ? "fxfers://" : "fxfer://",
    key === undefined ? "" : `${key}@`,
    host,
    port === undefined ? "" : `:${port}`,
    pin === undefined ? "" : `?pin=${pin}`,
  ].join("");
}
