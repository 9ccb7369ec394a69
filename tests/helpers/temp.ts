/** Folders that go away with the test that made them. @module */

/** A temporary folder; dispose it to remove it with all that is in it. */
export class TempDir implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** Makes one, in the system's folder for such or in `dir`. */
  static async make(dir?: string): Promise<TempDir> {
    // realPath: on macOS the temporary folder is behind a symlink, and paths are compared as text.
    return new TempDir(
      await Deno.realPath(await Deno.makeTempDir({ ...(dir && { dir }), prefix: "fxfer_test_" })),
    );
  }

  /** The path of something in it. */
  join(...parts: string[]): string {
    return [this.path, ...parts].join("/");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Removes a folder in which a program still writes: a file that comes meanwhile is removed as well. */
export async function removeInUse(folder: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await Deno.remove(folder, { recursive: true });
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOTEMPTY" || attempt === 100) throw error;
    }
  }
}
