/** The certificate of a server: read from files, or made and kept by fxfer; checked before it is used. @module */
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { parseHost } from "../address.ts";
import { FxferError, reasonOf } from "../errors.ts";
import { type KeyPair, makeOwnCertificate } from "./own.ts";
import { type Certificate, nameOfPin, readCertificates } from "./x509.ts";

/** A certificate that a server may use. */
export interface ServerCertificate extends KeyPair {
  /** SHA-256 of its public key, 64 lower-case hex digits. */
  readonly pin: string;
  /** Whether fxfer made it, so that the pin is enough to verify it. */
  readonly isOwn: boolean;
  /** The names and addresses that it is for; without the name of the pin. */
  readonly names: readonly string[];
  /** Its last moment, in milliseconds since 1970. */
  readonly notAfter: number;
}

/** The file in the state folder that keeps the certificate of fxfer's own, and its key. */
export const OWN_FILE = ".tls.pem";

const KEY = /-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----[^-]*-----END \1-----/;

const cannot = (what: string, why: string, cause?: unknown): FxferError =>
  new FxferError("unauthorized", `Cannot use ${what}: ${why}`, { cause });

/**
 * Checks what a server would show to its clients.
 *
 * @param source What errors call it, such as the name of its file.
 * @throws {FxferError} `unauthorized` with what is wrong and what to do.
 */
export function checkServerCertificate(
  { certificate, key }: KeyPair,
  source: string,
  now: number = Date.now(),
): ServerCertificate {
  const chain = certificatesOf(certificate, source);
  const [keyBlock] = KEY.exec(key) ?? [];
  if (keyBlock === undefined) {
    const encrypted = /ENCRYPTED/.test(key);
    throw cannot(
      source,
      encrypted
        ? "its private key is encrypted (openssl pkey writes it without a password)"
        : "there is no private key with it (server.tls.key names its file)",
    );
  }
  const own = chain[0]!;
  const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (own.isAuthority) {
    throw cannot(
      source,
      "it is the certificate of an authority (CA:TRUE), which clients refuse as a server's " +
        "(add -addext basicConstraints=critical,CA:FALSE to openssl req -x509)",
    );
  }
  if (own.notAfter < now) throw cannot(source, `it ended on ${date(own.notAfter)} (get a new one)`);
  if (own.notBefore > now) {
    throw cannot(source, `it begins on ${date(own.notBefore)} (is this machine's clock right?)`);
  }
  chain.forEach((each, index) => {
    const next = chain[index + 1];
    if (next !== undefined && next.subject !== each.issuer) {
      throw cannot(
        source,
        `its chain is broken: certificate ${index + 2} did not issue certificate ${index + 1} ` +
          "(put the server's first, then the one that issued it, and so on)",
      );
    }
  });
  const { pin, names, notAfter } = own;
  if (pinOfKey(keyBlock, source) !== pin) {
    throw cannot(source, "the private key belongs to another certificate");
  }
  const isOwn = names.includes(nameOfPin(pin));
  const shown = names.filter((name) => name !== nameOfPin(pin));
  return { certificate, key, pin, isOwn, names: shown, notAfter };
}

/** The pin that a certificate with this private key has. */
function pinOfKey(key: string, source: string): string {
  try {
    const spki = createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
    return createHash("sha256").update(spki).digest("hex");
  } catch (cause) {
    throw cannot(source, "its private key is damaged, or of a kind that is not known here", cause);
  }
}

function certificatesOf(pem: string, source: string): Certificate[] {
  let chain: Certificate[] = [];
  try {
    chain = readCertificates(pem);
  } catch (cause) {
    throw cannot(source, "a certificate in it is damaged (get it again)", cause);
  }
  if (chain.length > 0) return chain;
  throw cannot(
    source,
    "there is no certificate in it (PEM is wanted: -----BEGIN CERTIFICATE-----)",
  );
}

/**
 * Reads a certificate and its key.
 *
 * @param keyFile Absent where the key is in the file of the certificate.
 * @throws {FxferError} `unauthorized`; also if other users may read the key.
 */
export async function readServerCertificate(
  file: string,
  keyFile: string = file,
): Promise<ServerCertificate> {
  const certificate = await readFile(file);
  await mustBePrivate(keyFile);
  const key = keyFile === file ? certificate : await readFile(keyFile);
  return checkServerCertificate({ certificate, key }, file);
}

async function readFile(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Deno.errors.NotCapable
      ? `reading it is not permitted (--allow-read=${file})`
      : reasonOf(cause);
    throw cannot(file, why, cause);
  }
}

/** The files that a server's certificate is read from, by its settings; none where it is read from elsewhere. */
export function certificateFiles(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  folder: string,
): string[] {
  if (certificate === "off" || certificate === "-") return [];
  if (certificate === "self") return [`${folder}/${OWN_FILE}`];
  return key === "same" ? [certificate] : [certificate, key];
}

/** @throws {FxferError} `unauthorized` if others than the owner of a file may read it. */
async function mustBePrivate(file: string): Promise<void> {
  const { mode } = await Deno.stat(file).catch(() => ({ mode: null })); // reading it says what is wrong
  if (mode === null || Deno.build.os === "windows" || (mode & 0o077) === 0) return;
  throw cannot(file, `others may read the private key in it (chmod 600 ${file})`);
}

/** A certificate of fxfer's own, and whether it is still there at the next start. */
export interface KeptCertificate {
  readonly certificate: ServerCertificate;
  readonly isKept: boolean;
}

/**
 * The certificate that fxfer made for this folder; the first call makes it. Servers that share the folder
 * share the certificate. Where the folder may not be read there is a new one, with another pin, each time.
 *
 * @param wanted What it is for besides its pin: when this changes it is made anew, with the same key.
 * @throws {FxferError} `unauthorized` if others may read the file, or it is not what fxfer made;
 * `local_io` if it cannot be kept.
 */
export async function keepOwnCertificate(
  folder: string,
  wanted: readonly string[] = [],
): Promise<KeptCertificate> {
  const names = wanted.map((name) => parseHost(name) ?? name); // always written in the same way
  const path = `${folder}/${OWN_FILE}`;
  const { state } = await Deno.permissions.query({ name: "read", path });
  if (state !== "granted") {
    const made = await makeOwnCertificate(names);
    return { certificate: checkServerCertificate(made, path), isKept: false };
  }
  if (!await exists(path)) {
    await keep(path, folder, await makeOwnCertificate(names), false);
  }
  let certificate = await readServerCertificate(path);
  if (!certificate.isOwn) {
    throw cannot(path, "fxfer did not make it (remove the file; clients then need a new pin)");
  }
  if (certificate.names.toString() !== names.toString()) {
    await keep(path, folder, await makeOwnCertificate(names, certificate.key), true);
    certificate = await readServerCertificate(path);
  }
  return { certificate, isKept: true };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw cannot(path, reasonOf(error), error);
  }
}

/** Writes the file whole or not at all. @param replace Whether a file that is there already gives way. */
async function keep(
  path: string,
  folder: string,
  { certificate, key }: KeyPair,
  replace: boolean,
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(key + certificate);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.syncData();
    if (replace) return await Deno.rename(temporary, path);
    // Another server of this folder may have been faster: then its certificate counts.
    await Deno.link(temporary, path).catch(async (error) => {
      if (!(error instanceof Deno.errors.AlreadyExists)) await Deno.rename(temporary, path);
    });
  } catch (cause) {
    throw new FxferError("local_io", `Cannot keep certificate in ${path}: ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    await Deno.remove(temporary).catch(() => {}); // it is under its final name, or was never made
  }
}
