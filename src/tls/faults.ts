/** Why a server is not the right one, in sentences that say what to do. @module */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { FxferError, reasonOf } from "../errors.ts";
import { shorten } from "../text.ts";

/** What a handshake failed for, by the runtime's words, in words that say what to do. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [
    /UnknownIssuer/,
    "nobody whom this machine trusts vouches for its certificate (give the pin that the server printed, " +
    "or with --ca the certificate of the authority; and the server must send its whole chain)",
  ],
  [
    /expired|Expired/,
    "its certificate has ended (the server needs a new one; or is this clock wrong?)",
  ],
  [/not valid (yet|before)|NotValidYet/, "its certificate is not valid yet (is this clock right?)"],
  [
    /CaUsedAsEndEntity/,
    "its certificate is that of an authority (CA:TRUE), and none of a server (fxfer doctor on the server " +
    "says what to do)",
  ],
  [
    /NoApplicationProtocol/,
    "it speaks TLS, but not fxfer (is the port right?)",
  ],
];

const NOT_TLS = /InvalidContentType|corrupt message|wrong version number|packet length/i;

/** The error that a user gets of a handshake that failed; other errors as they are. */
export function faultOf(cause: unknown, server: Endpoint): unknown {
  if (cause instanceof FxferError) return cause;
  const text = reasonOf(cause);
  const place = formatEndpoint(server);
  if (NOT_TLS.test(text)) {
    const words = "it does not speak TLS (is this its plain port?); nothing was sent";
    const fields = { reason: "other_protocol", server: place };
    return new FxferError("unsupported_version", `Cannot connect to ${place}: ${words}`, {
      ...{ fields, cause },
    });
  }
  if (!(cause instanceof Deno.errors.InvalidData)) return cause;
  const [, names] = /not valid for name .*valid for (.*)/.exec(text) ?? [];
  const words = names === undefined
    ? FAULTS.find(([pattern]) => pattern.test(text))?.[1] ??
      `its certificate is refused: ${shorten(text, 200)}`
    : `its certificate is for other names, ${namesIn(names)} (is the address right?)`;
  return refused(place, words, cause);
}

/** The names in the runtime's list: `DnsName("a") or IpAddress(127.0.0.1)`. */
function namesIn(list: string): string {
  return listOf([...list.matchAll(/\(("?)(.*?)\1\)/g)].map(([, , name]) => name!));
}

/** The first of some names, which a stranger may have made. */
export function listOf(names: readonly string[]): string {
  return names.slice(0, 3).map((name) => shorten(name, 80)).join(", ");
}

/** A server that is not the right one. */
export function refused(place: string, words: string, cause?: unknown): FxferError {
  const fields = { reason: "certificate", server: place };
  return new FxferError("unauthorized", `Cannot connect to ${place}: ${words}`, { fields, cause });
}
