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
 */
export function testWith(
  programs: readonly [string, ...string[]],
  name: string,
  fn: (path: string) => Promise<void>,
): void {
  const path = findProgram(...programs);
  if (path !== undefined) {
    Deno.test(name, () => fn(path));
  } else if (Deno.env.get("CI") === "true" && Deno.build.os === "linux") {
    Deno.test(name, () => {
      throw new Error(`Cannot run this test: ${programs.join(" or ")} is not installed`);
    });
  } else {
    Deno.test({
      name: `${name} [skipped: ${programs.join(" or ")} is not installed]`,
      ignore: true,
      fn: () => {},
    });
  }
}
