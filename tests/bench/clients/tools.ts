/** What moves files as well: for each program its server, and how its client sends and fetches. @module */
import { command } from "../../helpers/program.ts";
import { findProgram } from "../../helpers/require.ts";
import { limitless } from "../server.ts";

/** What is moved: a folder of small files, or one large file. */
export interface Work {
  /** Its name in the folder that it stands in. */
  readonly name: string;
  /** Where it is; the last part is its name. */
  readonly path: string;
  /** Its files, with the paths that begin with its name. */
  readonly files: readonly string[];
  readonly isFolder: boolean;
  /** All files together. */
  readonly bytes: number;
}

/** A server of a tool, as its client reaches it. */
export interface Peer {
  readonly port: number;
  /** The folder of this server, empty at its start but for what `serve` has put there. */
  readonly folder: string;
}

/** A command line. */
export type Line = readonly string[];

/** What may take a while to get ready. */
type Soon<T> = T | Promise<T>;

/** A program whose client is measured. */
export interface Tool {
  readonly name: string;
  /** Programs of the system; without one of them the tool is left out. */
  readonly needs: readonly string[];
  /** Writes what its server needs into a folder; returns how the server is run, in this folder. */
  serve(peer: Peer): Soon<Line>;
  /** How a work is sent; undefined if the tool has no way of its own for it. */
  send(work: Work, peer: Peer): Soon<Line | undefined>;
  /** How what was sent comes back, into the folder `to`. */
  fetch(work: Work, peer: Peer, to: string): Soon<Line | undefined>;
}

const isRoot = Deno.build.os !== "windows" && Deno.uid() === 0;

/** The path of a program that was found before. */
const at = (name: string): string => findProgram(name)!;

function fxfer(name: string, mode: "stateful" | "stateless"): Tool {
  const client = (words: Line) => command(words, ["-A"]);
  return {
    name,
    needs: [],
    serve: ({ port }) => {
      const listen = ["--port", `${port}`, "--quiet"];
      const rights = { "security.anonymous": "put,get,list" };
      return command(["serve", ...listen, ...limitless(rights)], ["-A"]);
    },
    send({ path, isFolder }, { port, folder }) {
      const words = ["--port", `${port}`, "--quiet", "--mode", mode, "--state", `${folder}/state`];
      return client(["send", ...words, ...(isFolder ? ["-r"] : []), path]);
    },
    fetch({ name, isFolder }, { port }, to) {
      // What a server has is fetched without a session, whatever sent it.
      if (mode === "stateless") return undefined;
      const words = ["--port", `${port}`, "--quiet", "-o", to, ...(isFolder ? ["-r"] : []), name];
      return client(["get", ...words]);
    },
  };
}

const RSYNC: Tool = {
  name: "rsync",
  needs: ["rsync"],
  async serve({ port, folder }) {
    await Deno.mkdir(`${folder}/files`);
    const user = isRoot ? "uid=0\ngid=0\n" : "";
    const conf = `use chroot=no\n${user}[files]\npath=${folder}/files\nread only=no\n`;
    await Deno.writeTextFile(`${folder}/rsyncd.conf`, conf);
    const where = ["--address", "127.0.0.1", "--port", `${port}`];
    const config = ["--config", `${folder}/rsyncd.conf`];
    return [at("rsync"), "--daemon", "--no-detach", ...where, ...config];
  },
  send: ({ path }, { port }) => [at("rsync"), "-rW", path, `rsync://127.0.0.1:${port}/files/`],
  fetch: (
    { name },
    { port },
    to,
  ) => [at("rsync"), "-rW", `rsync://127.0.0.1:${port}/files/${name}`, `${to}/`],
};

/** Keys and settings of this run alone: neither those of the user nor those of the machine are read. */
const scp = ({ port, folder }: Peer): Line => {
  const settings = [
    ...["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", `Port=${port}`],
    "BatchMode=yes", // without it an account that may not log in is asked for a password
  ];
  const options = settings.flatMap((setting) => ["-o", setting]);
  return [at("scp"), "-q", "-r", "-F", "none", "-i", `${folder}/client`, ...options];
};

const SCP: Tool = {
  name: "scp",
  needs: ["scp", "sshd", "ssh-keygen"],
  async serve({ port, folder }) {
    await Deno.mkdir(`${folder}/files`);
    for (const name of ["host", "client"]) {
      const args = ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${name}`];
      await new Deno.Command(at("ssh-keygen"), { args, stdout: "null" }).output();
    }
    // sshd wants this folder of the system, which is missing until its service was started once.
    if (isRoot) await Deno.mkdir("/run/sshd", { recursive: true });
    const conf = {
      ...{ Port: port, ListenAddress: "127.0.0.1", HostKey: `${folder}/host`, UsePAM: "no" },
      ...{ AuthorizedKeysFile: `${folder}/client.pub`, PidFile: "none", StrictModes: "no" },
      ...{ PermitRootLogin: "yes", Subsystem: "sftp internal-sftp" },
    };
    const lines = Object.entries(conf).map((setting) => `${setting.join(" ")}\n`);
    await Deno.writeTextFile(`${folder}/sshd.conf`, lines.join(""));
    return [at("sshd"), "-D", "-f", `${folder}/sshd.conf`];
  },
  send: ({ path }, peer) => [...scp(peer), path, `127.0.0.1:${peer.folder}/files/`],
  fetch: ({ name }, peer, to) => [...scp(peer), `127.0.0.1:${peer.folder}/files/${name}`, `${to}/`],
};

/** Where nginx would write without being asked. */
const NGINX_TEMP = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

async function nginx({ port, folder }: Peer): Promise<Line> {
  await Deno.mkdir(`${folder}/files`);
  const temp = NGINX_TEMP.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  const conf = `${isRoot ? "user root; " : ""}worker_processes 1; daemon off;
pid ${folder}/pid; error_log ${folder}/error crit; events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000; client_max_body_size 0; ${temp}
server { listen 127.0.0.1:${port} backlog=4096; root ${folder}/files;
location / { dav_methods PUT; create_full_put_path on; } } }\n`;
  await Deno.writeTextFile(`${folder}/nginx.conf`, conf);
  return [at("nginx"), "-p", folder, "-e", `${folder}/error`, "-c", `${folder}/nginx.conf`];
}

/** One curl for all files; they stand in a file, since a command line would be too short. */
function curl(name: string, options: Line, alsoLarge: boolean): Tool {
  const line = async ({ folder }: Peer, transfers: readonly string[]): Promise<Line> => {
    await Deno.writeTextFile(`${folder}/transfers`, transfers.join(""));
    return [at("curl"), "-sSf", ...options, "-K", `${folder}/transfers`];
  };
  const url = (port: number, file: string) => `url = "http://127.0.0.1:${port}/${file}"\n`;
  return {
    name,
    needs: ["curl", "nginx"],
    serve: nginx,
    async send({ path, name, files, isFolder }, peer) {
      if (!isFolder && !alsoLarge) return undefined;
      const above = path.slice(0, -name.length);
      const each = (file: string) => `upload-file = "${above}${file}"\n${url(peer.port, file)}`;
      return await line(peer, files.map(each));
    },
    async fetch({ files, isFolder }, peer, to) {
      if (!isFolder && !alsoLarge) return undefined;
      const each = (file: string) => `output = "${to}/${file}"\n${url(peer.port, file)}`;
      return await line(peer, ["create-dirs\n", ...files.map(each)]);
    },
  };
}

/** Both sides are rclone's own. */
const RCLONE: Tool = {
  name: "rclone",
  needs: ["rclone"],
  async serve({ port, folder }) {
    await Deno.mkdir(`${folder}/files`);
    const where = ["--addr", `127.0.0.1:${port}`, "--config", "/dev/null"];
    return [at("rclone"), "serve", "webdav", ...where, `${folder}/files`];
  },
  send: (
    { name, path, isFolder },
    { port },
  ) => [...rclone(), path, `${webdav(port)}${isFolder ? name : ""}`],
  fetch: (
    { name, isFolder },
    { port },
    to,
  ) => [...rclone(), `${webdav(port)}${name}`, isFolder ? `${to}/${name}` : to],
};

const rclone = (): Line => [at("rclone"), "copy", "--transfers", "16", "--config", "/dev/null"];
const webdav = (port: number): string => `:webdav,url='http://127.0.0.1:${port}':`;

/** In the order of table and plot. */
export const TOOLS: readonly Tool[] = [
  fxfer("fxfer", "stateful"),
  fxfer("fxfer-stateless", "stateless"),
  RSYNC,
  SCP,
  curl("curl", [], true),
  curl("curl-16", ["-Z", "--parallel-max", "16"], false),
  RCLONE,
];

/** What a tool needs and is not installed. */
export const missingFor = ({ needs }: Tool): string[] =>
  needs.filter((program) => findProgram(program) === undefined);
