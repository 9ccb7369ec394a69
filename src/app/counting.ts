/** Counts what users have stored, when a server starts or gets other keys. @module */
import type { Keyring, UserLedger } from "../keys/mod.ts";
import type { Catalogue } from "../storage/mod.ts";

/**
 * Counts what users with a quota have stored already, for a ledger that knows nothing of them: one in memory
 * that was just made, or a quota that is new. A file is counted once, whoever counts it.
 *
 * @returns The users of whom the ledger knows something.
 */
export async function countStored(
  ledger: UserLedger,
  keys: Keyring,
  catalogue: Catalogue | undefined,
): Promise<string[]> {
  const known: string[] = [];
  if (catalogue === undefined) return known;
  for (const { name: owner, limits: { bytes, files } } of keys.users()) {
    if (bytes === undefined && files === undefined) continue;
    if ((await ledger.usage(owner, Date.now())).files > 0) known.push(owner);
    else await countFiles(ledger, catalogue, owner);
    await ledger.counted?.(owner);
  }
  return known;
}

/**
 * Counts the files of these users again, in the background until disposed: a process that died between storing
 * a file and counting it has left one that is not counted.
 *
 * @param failed Told why it could not be done.
 */
export function countAgain(
  ledger: UserLedger,
  users: readonly string[],
  catalogue: Catalogue,
  failed: (cause: unknown) => void,
): AsyncDisposable {
  const over = new AbortController();
  const run = async () => {
    for (const owner of users) await countFiles(ledger, catalogue, owner, over.signal);
  };
  const running = run().catch(failed);
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await running;
    },
  };
}

/**
 * Counts the files of each user about whom the ledger has lost what it knew, until disposed.
 *
 * @param failed Told why it could not be done; the user's next file is the next occasion.
 */
export function countLost(
  ledger: UserLedger,
  catalogue: Catalogue,
  failed: (cause: unknown) => void,
): AsyncDisposable {
  const over = new AbortController();
  const running = new Map<string, Promise<void>>();
  const count = async (user: string) => {
    await countFiles(ledger, catalogue, user, over.signal);
    if (!over.signal.aborted) await ledger.counted?.(user);
  };
  ledger.lost = (user) => {
    if (running.has(user) || over.signal.aborted) return;
    running.set(user, count(user).catch(failed).finally(() => running.delete(user)));
  };
  return {
    async [Symbol.asyncDispose]() {
      delete ledger.lost;
      over.abort();
      await Promise.all(running.values());
    },
  };
}

/** @param over Ends it; given where the server serves meanwhile: then other work comes between small steps. */
async function countFiles(
  ledger: UserLedger,
  catalogue: Catalogue,
  owner: string,
  over?: AbortSignal,
): Promise<void> {
  const limit = over === undefined ? PAGE : SMALL_PAGE;
  let next: string | null = null;
  do {
    const after: { after?: string } = next === null ? {} : { after: next };
    const page = await catalogue.list({ owner, limit, order: "name", ...after });
    for (const { path, size } of page.files) {
      await ledger.charge(owner, path, size);
      // One that was removed since it was listed has been given back already, before it was counted here.
      if (await catalogue.find({ owner, path }) === undefined) await ledger.giveBack(owner, path);
    }
    next = page.next;
    if (over !== undefined) await new Promise((resolve) => setTimeout(resolve, 0));
  } while (next !== null && over?.aborted !== true);
}

/** Files that are counted at a time. */
const PAGE = 1000;
const SMALL_PAGE = 50;
