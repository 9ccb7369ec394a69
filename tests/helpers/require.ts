/**
 * Tests that need a program of the system: without it they are skipped, and say so by name; in CI,
 * where everything is installed, its absence is a failure.
 *
 * @module
 */

/** The path of the first of these programs that is installed; undefined when none is. */
export function findProgram(...names: string[]): string | undefined {
  const windows = Deno.build.os === "windows";
  const folders = (Deno.env.get("PATH") ?? "").split(windows ? ";" : ":");
  for (const name of names) {
    for (const folder of folders) {
      const path = `${folder}/${name}${windows ? ".exe" : ""}`;
      try {
        if (Deno.statSync(path).isFile) return path;
      } catch {
        // Not here: look on.
      }
    }
  }
  return undefined;
}

/**
 * A test that needs a program; `fn` gets its path.
 *
 * @param programs Names of which one is enough, for example `["chromium", "chromium-browser"]`.
 * @param options Sanitizers to be left off, where a driver of the program leaves something open.
 */
export function testWith(
  programs: readonly [string, ...string[]],
  name: string,
  fn: (path: string) => Promise<void>,
  options: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources"> = {},
): void {
  const path = findProgram(...programs);
  declare(name, path === undefined ? [programs.join(" or ")] : [], () => fn(path!), options);
}

/** A test that needs several programs, all of them; `fn` gets their paths in the same order. */
export function testWithAll(
  programs: readonly string[],
  name: string,
  fn: (...paths: string[]) => Promise<void>,
): void {
  const paths = programs.map((program) => findProgram(program));
  declare(name, programs.filter((_, i) => paths[i] === undefined), () => fn(...paths as string[]));
}

function declare(
  name: string,
  missing: readonly string[],
  fn: () => Promise<void>,
  options: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources"> = {},
): void {
  if (missing.length === 0) return Deno.test({ name, fn, ...options });
  const reason = `${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} not installed`;
  if (Deno.env.get("CI") === "true" && Deno.build.os === "linux") {
    Deno.test(name, () => {
      throw new Error(`Cannot run this test: ${reason}`);
    });
  } else {
    Deno.test({ name: `${name} [skipped: ${reason}]`, ignore: true, fn: () => {} });
  }
}
