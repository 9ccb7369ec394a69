/** The README as its tests read it. @module */

/** The repository. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** Its whole text. */
export const README: string = await Deno.readTextFile(new URL("README.md", ROOT));

/** The lines of the first `text` block after some words. */
export function textBlock(after: string): string[] {
  const text = README.slice(README.indexOf(after));
  return /```text\n([^`]*)\n```/.exec(text)?.[1]?.split("\n") ?? [];
}

/** The commands of every `sh` block in order: without comments, and each on one line. */
export function shellCommands(): string[] {
  return [...README.matchAll(/```sh\n([^]*?)```/g)].flatMap(([, block]) =>
    block!.replaceAll(/ *\\\n */g, " ").split("\n")
      .map((line) => line.replace(/ +# .*$/, "").trim())
      .filter((line) => line !== "")
  );
}
