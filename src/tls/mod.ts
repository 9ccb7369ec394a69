/**
 * # TLS, version 2.1
 *
 * TLS keeps everybody out who sits between a client and a server. A frame inside TLS is the same as
 * without. This text is the contract; below it are the commands.
 *
 * - S-TLS-1 TLS has a port of its own, 65433 unless server and client are told another. TLS begins with
 *   the first byte there, and its protocol (ALPN) is `fxfer/2`. The plain port beside it may be off. The
 *   certificate and its key come from files, and a key that others may read is refused; or the server
 *   makes a certificate at its first start, keeps it in its folder, and tells its **pin**: SHA-256 of the
 *   public key (SPKI) as 64 lower-case hex digits. Such a certificate is P-256 and CA:FALSE, has no end,
 *   and is for `<the pin's first 48 digits>.fxfer.invalid` besides the names that are configured.
 * - S-TLS-2 A client verifies a server by the authorities that its runtime trusts and those it was given,
 *   or by a pin. A pin alone decides: the client fetches the certificate that the server shows and
 *   compares the digest of its key. Only then it connects with that certificate as the one authority for
 *   the `.fxfer.invalid` name, for which no public authority can vouch. So a pin is only for certificates
 *   that fxfer made. Any other is verified by its name, and a pin for it is refused. Nothing is sent
 *   before: another pin is `unauthorized`, and the client shows both pins.
 * - S-TLS-3 There is no way down. A client that was given a key, a pin or an address with TLS never goes
 *   on without, and does not fall back to version 1.
 * - S-TLS-4 A certificate is changed while the server runs, when its files change or it is told to reload.
 *   New connections get the new one, the others go on, and none is refused. A connection that is reset
 *   before its handshake has ended, as may happen at this moment, is made again at once. A new
 *   certificate that cannot be used changes nothing.
 * - S-URL-1 An address says all that a client needs: `fxfer://[KEY@]HOST[:PORT][?pin=HEX]`, and
 *   `fxfers://` for TLS.
 *
 * ## A server with a certificate of its own
 *
 * ```text
 * fxfer serve --host 192.0.2.10 --keys fxfer.keys \
 *   --set server.tls.certificate=self --set server.port=off
 * fxfer send --key-file anna.key 'fxfers://192.0.2.10?pin=3f0a…' photo.png
 * ```
 *
 * `fxfer serve --share` does the same with a key that it makes itself, and prints the whole address. The
 * server logs the pin. The certificate and its key are `.tls.pem` in the storage folder (or `storage.state`); who
 * copies the file to another server gives that server the same pin. A server without permission to read
 * its folder cannot read the file again and so has another pin after each start, which it says. It gets
 * a lasting one with `server.tls.certificate=-`, which reads certificate and key from standard input:
 *
 * ```text
 * cat fxfer.keys tls.pem | fxfer serve --keys - --set server.tls.certificate=-
 * ```
 *
 * ## A server with the certificate of an authority
 *
 * ```text
 * fxfer serve --set server.tls.certificate=fullchain.pem --set server.tls.key=privkey.pem
 * fxfer send fxfers://files.example.org photo.png
 * fxfer send --tls --ca authority.pem --host files.example.org photo.png
 * ```
 *
 * The file has the server's certificate first and then the one that issued it. `--ca` adds an authority
 * to those that Deno trusts: Mozilla's, or with `DENO_TLS_CA_STORE=system` those of the system. When
 * both files are new the server uses them within seconds, at once after SIGHUP. `fxfer doctor` says
 * when a certificate ends.
 *
 * ## Behind a balancer
 *
 * A balancer may speak TLS to the clients and forward to the plain port with a PROXY header; clients
 * then verify the balancer's certificate by its name. On the TLS port a PROXY header is not read.
 *
 * ## How it is made
 *
 * ```text
 * der.ts, x509.ts         encodes and reads what certificates are made of
 * own.ts                  makes a certificate
 * server_certificate.ts   reads or keeps the server's, and checks it before it is used
 * verify.ts, faults.ts    the client's side
 * ```
 *
 * - **The pin decides by a certificate that was fetched before**, because Deno's TLS has no hook for a
 *   verification of one's own. The connection that carries data is verified by Deno, against that
 *   certificate and for a name that nobody else can have.
 * - **A client waits one round trip after the handshake.** It spares 40 ms: the reason stands at the wait.
 * - **The certificate is made without a library**: its DER is short, and WebCrypto signs it.
 *
 * @module
 */
export { type Certificate, readCertificate, readCertificates } from "./x509.ts";
export {
  certificateFiles,
  checkServerCertificate,
  keepOwnCertificate,
  type KeptCertificate,
  readServerCertificate,
  type ServerCertificate,
} from "./server_certificate.ts";
export { type KeyPair, makeOwnCertificate, type OwnCertificate } from "./own.ts";
export { type TlsOptions, Verifier } from "./verify.ts";
