/** The part of the interface about what is stored, and whose it is. @module */
import { type HttpAnswer, HttpFault } from "../admin/mod.ts";
import type { Catalogue, ListedFile, OpenedFile } from "../storage/mod.ts";
import { AFTER, type Call, json, LIMIT, numberIn, type Route } from "./route.ts";
import { SHOWN } from "./sessions.ts";

/** A download is sent in pieces of so many bytes. */
const PIECE_BYTES = 256 * 1024;

/** A file as operators see it. */
function fileView({ path, size, sha256, mimeType, storedAt, name, session, user }: ListedFile) {
  return {
    path,
    name: name ?? null,
    size,
    sha256,
    mime_type: mimeType,
    stored_at: new Date(storedAt).toISOString(),
    session: session?.slice(0, SHOWN) ?? null,
    user: user ?? null,
  };
}

function catalogueOf({ plant: { storage } }: Call): Catalogue {
  if (storage.catalogue !== undefined) return storage.catalogue;
  throw new HttpFault(404, "this server may not read its files");
}

const noFile = () => new HttpFault(404, "no such file");

/** The bytes of a file, which is closed at the end; a file that ends before its size ends the connection. */
function contents(opened: OpenedFile): AsyncIterableIterator<Uint8Array> {
  let offset = 0;
  let isOpen = true;
  const end = () => {
    if (isOpen) opened[Symbol.dispose]();
    isOpen = false;
    return Promise.resolve({ done: true, value: undefined } as const);
  };
  return {
    async next() {
      if (!isOpen || offset >= opened.file.size) return await end();
      const piece = new Uint8Array(PIECE_BYTES);
      const count = await opened.read(offset, piece);
      if (count === null) throw new Error("the file is shorter than its line");
      offset += count;
      return { done: false, value: piece.subarray(0, count) };
    },
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function download(call: Call): Promise<HttpAnswer> {
  const { open } = catalogueOf(call);
  if (open === undefined) throw new HttpFault(404, "this server may not read its files");
  const opened = await open({ path: call.params.path! });
  if (opened === undefined) throw noFile();
  const { file: { name, path, size, sha256 } } = opened;
  const shown = encodeURIComponent(name ?? path.slice(path.lastIndexOf("/") + 1));
  const headers = {
    // Whatever the sender has said it is, the browser saves it and shows nothing.
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename*=UTF-8''${shown.replaceAll(/['()*]/g, escape)}`,
    "content-length": String(size),
    digest: `sha-256=${sha256}`,
  };
  if (call.request.method === "HEAD") {
    opened[Symbol.dispose]();
    return { status: 200, headers };
  }
  return { status: 200, headers, body: contents(opened) };
}

const escape = (letter: string): string => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;

export const STORED_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/v1/hooks",
    summary: "How many files hooks are still to tell, and which they have given up",
    answer: "Hooks",
    run({ plant: { hooks } }) {
      const { waiting = 0, delivered = 0, dead = [] } = hooks?.stats ?? {};
      const letters = dead.map(({ id, file, since, tries, error }) => ({
        id,
        path: file.path,
        since: new Date(since).toISOString(),
        tries,
        error: error ?? null,
      }));
      return json({ on: hooks !== undefined, waiting, delivered, dead: letters });
    },
  },
  {
    method: "GET",
    path: "/api/v1/files",
    summary: "Stored files, the newest first or by their names",
    query: {
      prefix: { about: "Only files whose name begins so", schema: { type: "string" } },
      name: { about: "Only files of this name", schema: { type: "string" } },
      user: { about: "Only files of this user", schema: { type: "string" } },
      order: { about: "Their order", schema: { type: "string", enum: ["newest", "name"] } },
      after: AFTER,
      limit: LIMIT,
    },
    answer: "Files",
    refusals: [404],
    async run(call) {
      const { query } = call.request;
      const order = query.get("order") ?? "newest";
      if (order !== "newest" && order !== "name") {
        throw new HttpFault(400, "order must be newest or name");
      }
      const [prefix, name, after] = ["prefix", "name", "after"].map((key) => query.get(key));
      const owner = query.get("user");
      const { files, next } = await catalogueOf(call).list({
        limit: numberIn(query, "limit", [1, 1000, 100]),
        order,
        ...(prefix && { prefix }),
        ...(name && { name }),
        ...(after && { after }),
        ...(owner && { owner }),
      });
      return json({ files: files.map(fileView), next });
    },
  },
  {
    method: "GET",
    path: "/api/v1/files/{path*}",
    summary: "Download a file",
    media: "application/octet-stream",
    refusals: [404, 503],
    run: download,
  },
  {
    method: "DELETE",
    path: "/api/v1/files/{path*}",
    summary: "Remove a file: it is listed no more, and its room is free",
    answer: "File",
    refusals: [404],
    async run(call) {
      const path = call.params.path!;
      const { quotas, events } = call.plant;
      const removed = await catalogueOf(call).remove(path, { reason: "an operator" });
      if (removed === undefined) throw noFile();
      if (removed.user !== undefined) await quotas?.giveBack(removed.user, removed.path);
      // The folder of a session's files has the session's whole id in its name.
      const file = removed.path.slice(removed.path.lastIndexOf("/") + 1);
      events.emit({ type: "storage.removed", path: file, bytes: removed.size, reason: "operator" });
      call.tell("file.remove", { file, bytes: removed.size });
      return json(fileView(removed));
    },
  },
  {
    method: "GET",
    path: "/api/v1/keys",
    summary: "Users with keys: what they may do, and have used up",
    answer: "Keys",
    run: async ({ plant: { keys } }) => json({ keys: await keys?.list() ?? [] }),
  },
  {
    method: "DELETE",
    path: "/api/v1/keys/{name}",
    summary:
      "Take a key away until the next start: its sessions end. Take it out of the file as well",
    answer: "Revoked",
    refusals: [404],
    run(call) {
      const { plant: { keys }, params: { name = "" } } = call;
      if (keys?.revoke(name) !== true) throw new HttpFault(404, "no such user");
      call.tell("key.revoke", { user: name });
      return json({ revoked: name });
    },
  },
];
