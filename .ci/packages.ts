/** The packages of others that fxfer runs, as its lock file pins them. @module */

/** One package. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** `sha512-…` in base64, of the archive that the registry has. */
  readonly integrity: string;
}

/** The packages of a lock file, each once, by name. */
export function packagesOf(lock: string): Package[] {
  const { npm = {} } = JSON.parse(lock) as {
    readonly npm?: Readonly<Record<string, { readonly integrity: string }>>;
  };
  const found = new Map<string, Package>();
  for (const [id, { integrity }] of Object.entries(npm)) {
    // `name@version`, and behind a `_` the packages that it was put together with.
    const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(id) ?? [];
    if (name === undefined || version === undefined) {
      throw new Error(`Cannot read lock file: ${id} is no package`);
    }
    found.set(`${name}@${version}`, { name, version, integrity });
  }
  return [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Those of this tree. */
export async function ownPackages(): Promise<Package[]> {
  return packagesOf(await Deno.readTextFile(new URL("deno.lock", import.meta.url)));
}
