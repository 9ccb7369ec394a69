/** Which version a header speaks, and which version its reply speaks (S-VER-1, S-VER-2). @module */
import { FxferError } from "../errors.ts";
import type { JsonObject } from "./json.ts";
import { SUPPORTED_VERSIONS, VERSION } from "./limits.ts";

const V2 = /^2\.(0|[1-9][0-9]{0,4})$/;
const OUR_MINOR = Number(VERSION.slice(2));

/**
 * Picks the version that both ends speak: the lower of the two minor versions (S-VER-2).
 *
 * @param version The peer's `version`.
 * @returns For example `"2.0"`; undefined if the ends have no version in common.
 *
 * @example
 * ```ts
 * import { negotiateVersion } from "./mod.ts";
 *
 * console.assert(negotiateVersion("2.7") === "2.0" && negotiateVersion("3.0") === undefined);
 * ```
 * @category Protocol
 */
export function negotiateVersion(version: string): string | undefined {
  if (version === VERSION || version === "1.0") return version;
  const match = V2.exec(version);
  return match === null ? undefined : `2.${Math.min(Number(match[1]), OUR_MINOR)}`;
}

/**
 * Reads the major version of a header.
 *
 * @throws {FxferError} `unsupported_version` with `supported` (S-VER-1).
 */
export function majorVersion(header: JsonObject): 1 | 2 {
  const version = header.version;
  if (version === undefined && header.session === undefined) return 1;
  const common = typeof version === "string" ? negotiateVersion(version) : undefined;
  if (common === undefined) {
    throw new FxferError("unsupported_version", "Cannot read header: version is not supported", {
      fields: { supported: SUPPORTED_VERSIONS },
    });
  }
  return common === "1.0" ? 1 : 2;
}
