/** What the program may do on this machine, asked without a prompt, and errors that say why not. @module */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { FxferError, reasonOf } from "../errors.ts";

const granted = async (descriptor: Deno.PermissionDescriptor): Promise<boolean> =>
  (await Deno.permissions.query(descriptor)).state === "granted";

/** Whether a path may be read. */
export const readable = (path: string): Promise<boolean> => granted({ name: "read", path });

/** Whether a path may be written. */
export const writable = (path: string): Promise<boolean> => granted({ name: "write", path });

/** Whether an address may be connected to, or listened on. */
export function reachable(hostname: string, port: number): Promise<boolean> {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return granted({ name: "net", host: `${host}:${port}` });
}

/** Connects once and closes. @throws {FxferError} `connection_lost` if no server listens there. */
export async function mustConnect(server: Endpoint): Promise<void> {
  try {
    (await Deno.connect(server)).close();
  } catch (cause) {
    const reason = cause instanceof Deno.errors.ConnectionRefused
      ? "connection refused (is the server running, and is this its port?)"
      : /lookup address/.test(reasonOf(cause))
      ? "there is no host of this name (is it spelled right?)"
      : reasonOf(cause);
    const message = `Cannot connect to ${formatEndpoint(server)}: ${reason}`;
    throw new FxferError("connection_lost", message, { cause });
  }
}

/**
 * An error `Cannot <action>: <reason>` with the code `local_io`.
 *
 * @param reason In words; default the text of the cause.
 */
export function localError(
  action: string,
  cause: unknown,
  reason: string = reasonOf(cause),
): FxferError {
  return new FxferError("local_io", `Cannot ${action}: ${reason}`, { cause });
}

/**
 * What to do with a failed promise: `open(path).catch(cannot("read it"))` throws that error.
 *
 * @param reasonFor Gives the reason in words for some causes.
 */
export function cannot(
  action: string,
  reasonFor: (cause: unknown) => string | undefined = () => undefined,
): (cause: unknown) => never {
  return (cause) => {
    throw localError(action, cause, reasonFor(cause));
  };
}

/**
 * Checks that a path may be read.
 *
 * @throws {FxferError} `local_io` that names the flag of Deno which permits it.
 */
export async function mustRead(path: string, action = `read ${path}`): Promise<void> {
  if (await readable(path)) return;
  throw localError(action, undefined, `reading it is not permitted (--allow-read=${path})`);
}

/** Why a port cannot be listened on, in words that the user can act on; undefined for other reasons. */
export function whyNotListening(cause: unknown): string | undefined {
  const { code } = cause as { readonly code?: string };
  if (code === "EADDRINUSE") return "the port is in use (--listen 0 picks a free one)";
  if (code === "EACCES") return "this user may not (--listen 0 picks a port that is free to all)";
  return undefined;
}

/** Why a folder cannot be used, in words that the user can act on; undefined for other reasons. */
export function whyNoFolder(cause: unknown): string | undefined {
  return cause instanceof Deno.errors.NotFound ? "there is no such folder" : undefined;
}

/** Why a path cannot be read, in words that the user can act on; undefined for other reasons. */
export function whyUnreadable(cause: unknown): string | undefined {
  const { errors } = Deno;
  if (cause instanceof errors.NotFound) {
    // Deno reads names as UTF-8, and finds no file under what it has made of other bytes.
    return cause.message.includes("\ufffd")
      ? "there is no such file, or its name is not UTF-8 (then rename it)"
      : "there is no such file";
  }
  if (cause instanceof errors.PermissionDenied) return "you may not read it";
  if (cause instanceof errors.IsADirectory) return "it is a folder";
  if (cause instanceof errors.NotADirectory) return "what its path takes for a folder is a file";
  if (cause instanceof errors.FilesystemLoop) return "its links lead in a circle";
  return undefined;
}
