/** The check of `fxfer doctor` for TLS. @module */
import { isLoopback } from "../../address.ts";
import { stateFolder } from "../../app/mod.ts";
import type { Config } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { certificateFiles, readServerCertificate, type ServerCertificate } from "../../tls/mod.ts";
import { readable } from "../local.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** Authorities tell their users so long before a certificate ends. */
const SOON_MS = 30 * 86_400_000;

/** Whether clients will take the certificate of this configuration, and how long. Nothing is made. */
export async function checkCertificate(config: Config): Promise<Finding[]> {
  const { server } = config;
  const { tls } = server;
  if (tls.certificate === "off") {
    if (server.port === "off") {
      return [problem("there is none, and server.port is off", "server.tls.certificate: self")];
    }
    return isLoopback(server.host)
      ? [ok(`none; nobody sits between ${server.host} and this machine`)]
      : [note("none: nothing is encrypted", "server.tls.certificate: self makes one")];
  }
  if (tls.certificate === "-") return [ok("read from standard input at the start")];
  const [file, key] = certificateFiles(tls, stateFolder(config));
  if (tls.certificate === "self") {
    if (!await readable(file!)) {
      return [note(
        "a new one at each start, with another pin, because storage may not be read",
        `--allow-read=${
          stateFolder(config)
        }, or server.tls.certificate: - and a file on standard input`,
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

const exists = (path: string): Promise<boolean> =>
  Deno.lstat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));

function describe({ isOwn, pin, names, notAfter }: ServerCertificate, file: string): Finding {
  if (isOwn) return ok(`made by fxfer, pin ${pin}`);
  const until = new Date(notAfter).toISOString().slice(0, 10);
  const text = `${file} is for ${names.join(", ") || "no name"}, until ${until}`;
  return notAfter - Date.now() < SOON_MS ? note(text, "get a new one in time") : ok(text);
}
