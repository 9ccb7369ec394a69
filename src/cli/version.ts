/** The version of fxfer, and the versions of Deno that it runs on. @module */
import denoJson from "../../deno.json" with { type: "json" };

/** The version of fxfer, as deno.json says it. */
export const FXFER_VERSION: string = denoJson.version;

/** The oldest Deno that fxfer is tested with. */
export const OLDEST_DENO = "2.6.8";

/** Whether a version of Deno is older than {@linkcode OLDEST_DENO}. */
export function isOlder(deno: string): boolean {
  return deno.localeCompare(OLDEST_DENO, "en", { numeric: true }) < 0;
}

/** `fxfer 0.1.0 (Deno 2.9.6, linux x86_64)`. */
export function versionText(): string {
  const { os, arch } = Deno.build;
  return `fxfer ${FXFER_VERSION} (Deno ${Deno.version.deno}, ${os} ${arch})`;
}

/** Why fxfer must not run on a version of Deno, such as `2.8.3`; undefined when it may. */
export function unfitRuntime(deno: string): string | undefined {
  if (deno !== "2.8.3") return undefined;
  // denoland/deno#35292
  return "Cannot run on Deno 2.8.3: it keeps a socket open after close while a read is pending, " +
    "so connections would pile up; use another version";
}
