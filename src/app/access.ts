/** Who may come in: what a server says of it, and the check that nobody may by accident. @module */
import { isLoopback } from "../address.ts";
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";

/**
 * Refuses to open a door by accident: a server that others than this machine reach says who may come in.
 *
 * @throws {FxferError} `config_invalid` with the ways out.
 */
export function mustBeMeant({ server: { host }, security }: Config): void {
  if (security.mac === "required" && security.keys === "off") {
    throw new FxferError(
      "config_invalid",
      "Cannot use configuration: security.mac is required, and without security.keys nobody has a key",
    );
  }
  if (isLoopback(host) || security.keys !== "off" || security.anonymous !== "auto") return;
  throw new FxferError(
    "config_invalid",
    `Cannot listen on ${host}: whoever reaches it could send files. Give users keys (fxfer key new ` +
      "NAME, then serve --keys fxfer.keys), or run fxfer serve --share, or let everybody in on purpose " +
      "(--set security.anonymous=put)",
  );
}

/** Who may do what from where, and what is encrypted, as fields of a line of the log. */
export function accessFacts(
  { server: { host, port, tls }, security }: Config,
  users: number,
): Readonly<Record<string, unknown>> {
  const loopback = isLoopback(host);
  const all = security.anonymous === "auto"
    ? loopback && security.keys === "off" ? ["put"] : []
    : security.anonymous;
  return {
    from: loopback ? "this machine" : "the network",
    users,
    anonymous: all.length === 0 ? "nothing" : all.join(),
    mac: security.keys === "off" ? "off" : security.mac,
    encrypted: tls.certificate === "off"
      ? "nothing"
      : port === "off"
      ? "everything"
      : "the port for TLS",
  };
}
