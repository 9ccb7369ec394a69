/**
 * Asks the registry for known vulnerabilities of every package that fxfer runs, by `npm audit`.
 *
 * Exit code 0: it was asked, and there are none. 1: there are some, and each is named. 3: it could not be
 * asked, which says nothing about the packages, and is no pass.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script of the build

import { ownPackages, type Package } from "./packages.ts";

/** What came of it. */
export type Outcome =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly faults: readonly string[] }
  | { readonly kind: "not asked"; readonly reason: string };

/** The exit code of each outcome. */
export const EXIT: Readonly<Record<Outcome["kind"], number>> = {
  none: 0,
  found: 1,
  "not asked": 3,
};

/** What `npm audit --json` says. */
export function outcomeOf(stdout: string, stderr: string): Outcome {
  let report: {
    readonly message?: string;
    readonly error?: { readonly summary?: string };
    readonly vulnerabilities?: Readonly<
      Record<string, { readonly severity: string; readonly via: readonly unknown[] }>
    >;
  };
  try {
    report = JSON.parse(stdout);
  } catch {
    return { kind: "not asked", reason: firstLine(stderr) || "npm audit gave no report" };
  }
  const { vulnerabilities } = report;
  if (vulnerabilities === undefined) {
    return {
      kind: "not asked",
      reason: firstLine(report.message ?? report.error?.summary ?? stderr),
    };
  }
  const faults = Object.entries(vulnerabilities).map(([name, { severity, via }]) => {
    const titles = via.map((each) =>
      typeof each === "string"
        ? each
        : (each as { title?: string; url?: string }).title ?? "unnamed"
    );
    return `${name}: ${severity}: ${titles.join("; ")}`;
  });
  return faults.length === 0 ? { kind: "none" } : { kind: "found", faults };
}

const firstLine = (text: string): string => text.trim().split("\n")[0]!;

/** Asks about these packages, in exactly these versions. */
async function ask(packages: readonly Package[]): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    const dependencies = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
    const manifest = { name: "fxfer-audit", version: "1.0.0", private: true, dependencies };
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    const npm = async (...args: readonly string[]) => {
      const command = Deno.build.os === "windows" ? "npm.cmd" : "npm";
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args: [...args],
        cwd: folder,
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { code, out: text(stdout), err: text(stderr) };
    };
    const locked = await npm(
      "install",
      "--package-lock-only",
      "--ignore-scripts",
      "--no-fund",
      "--no-audit",
    );
    if (locked.code !== 0) return { kind: "not asked", reason: firstLine(locked.err) };
    const { out, err } = await npm("audit", "--json");
    return outcomeOf(out, err);
  } catch (error) {
    return { kind: "not asked", reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const packages = await ownPackages();
  const outcome = await ask(packages);
  if (outcome.kind === "none") {
    console.log(`No known vulnerabilities in ${packages.length} packages`);
  } else if (outcome.kind === "found") { for (const fault of outcome.faults) console.log(fault); }
  else {
    console.log(`Could not ask about ${packages.length} packages: ${outcome.reason}`);
    console.log("So nothing is known: this is no pass");
  }
  Deno.exit(EXIT[outcome.kind]);
}
