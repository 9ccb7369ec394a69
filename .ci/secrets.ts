/**
 * Looks for secrets in the files of this tree: keys of fxfer, private keys, and the tokens that others give
 * out. `secrets.ts` names file and line of each, never the secret itself, and exits with 1 if there are any.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script of the build

import { fileURLToPath } from "node:url";

const ROOT = new URL("..", import.meta.url);

/** What secrets look like. Each is written so that it does not find itself. */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  "a key of fxfer": /fxfer_[a-z0-9][a-z0-9-]{0,31}_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/,
  "a private key": /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}/,
  "a key of AWS": /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  "a token of GitHub": /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b/,
  "a token of npm": /\bnpm_[A-Za-z0-9]{36}\b/,
  "a token of Slack": /\bxox[abprs]-[A-Za-z0-9-]{10,}/,
  "a token of JWT form": /\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/,
};

/** Keys that protect nothing: those of the test vectors, whose secret is the bytes 0 to 31. */
const HARMLESS: readonly string[] = ["fxfer_alice_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"];

/** A secret that was found: where, and of which sort. */
export interface Found {
  readonly line: number;
  readonly what: string;
}

/** The secrets in a text. */
export function secretsIn(text: string): Found[] {
  let clean = text;
  for (const harmless of HARMLESS) clean = clean.replaceAll(harmless, "");
  return Object.entries(PATTERNS).flatMap(([what, pattern]) =>
    [...clean.matchAll(new RegExp(pattern, "g"))].map(({ index }) => ({
      what,
      line: clean.slice(0, index).split("\n").length,
    }))
  );
}

/** The files that are, or would be, in the repository. */
async function filesOf(root: string): Promise<string[]> {
  const { success, stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: root,
  }).output();
  if (!success) throw new Error("Cannot list the files of this tree: git failed");
  return new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
}

/** Every secret of a tree, as `path:line: what`. */
export async function scan(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const path of await filesOf(root)) {
    const bytes = await Deno.readFile(`${root}/${path}`).catch(() => undefined);
    if (bytes === undefined) continue; // removed, and not yet from the index
    const text = new TextDecoder("latin1").decode(bytes);
    for (const { line, what } of secretsIn(text)) found.push(`${path}:${line}: ${what}`);
  }
  return found;
}

if (import.meta.main) {
  const found = await scan(fileURLToPath(ROOT));
  for (const fault of found) console.log(fault);
  console.log(found.length === 0 ? "No secrets" : `${found.length} secrets`);
  Deno.exit(found.length === 0 ? 0 : 1);
}
