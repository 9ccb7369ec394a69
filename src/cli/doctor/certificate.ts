/** The check of `fxfer doctor` for TLS. @module */
import { inNetworks, parseNetwork } from "../../address.ts";
import type { Config } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { certificateFiles, readServerCertificate, type ServerCertificate } from "../../tls/mod.ts";
import { readable } from "../local.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** Authorities tell their users so long before a certificate ends. */
const SOON_MS = 30 * 86_400_000;

/** Whether clients will take the certificate of this configuration, and how long. Nothing is made. */
export async function checkCertificate({ server, storage }: Config): Promise<Finding[]> {
  const { tls } = server;
  if (tls.certificate === "off") {
    if (server.port === "off") {
      return [problem("there is none, and server.port is off", "server.tls.certificate: self")];
    }
    return isOnlyHere(server.host)
      ? [ok(`none; nobody sits between ${server.host} and this machine`)]
      : [note("none: nothing is encrypted", "server.tls.certificate: self makes one")];
  }
  if (tls.certificate === "-") return [ok("read from standard input at the start")];
  const [file, key] = certificateFiles(tls, storage.path);
  if (tls.certificate === "self") {
    if (!await readable(file!)) {
      return [note(
        "a new one at each start, with another pin, because storage may not be read",
        `--allow-read=${storage.path}, or server.tls.certificate: - and a file on standard input`,
      )];
    }
    if (!await exists(file!)) return [ok("made at the first start, which tells its pin")];
  }
  try {
    return [describe(await readServerCertificate(file!, key), file!)];
  } catch (error) {
    return [problem(reasonOf(error))];
  }
}

/** Whether only this machine reaches an address. */
function isOnlyHere(host: string): boolean {
  return host === "localhost" || inNetworks(host, LOOPBACK);
}

const LOOPBACK = ["127.0.0.0/8", "::1"].map((text) => parseNetwork(text)!);

const exists = (path: string): Promise<boolean> =>
  Deno.lstat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));

function describe({ isOwn, pin, names, notAfter }: ServerCertificate, file: string): Finding {
  if (isOwn) return ok(`made by fxfer, pin ${pin}`);
  const until = new Date(notAfter).toISOString().slice(0, 10);
  const text = `${file} is for ${names.join(", ") || "no name"}, until ${until}`;
  return notAfter - Date.now() < SOON_MS ? note(text, "get a new one in time") : ok(text);
}
