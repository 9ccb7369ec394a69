/** Finds the files to send from the operands, while those that are found go on their way. @module */
import { basename, join, sep as SEPARATOR } from "node:path";
import { fitName, smallFileState } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import type { Mutable } from "../../omit_undefined.ts";
import { count } from "../../text.ts";
import { absolutePath } from "../absolute.ts";
import { usageError } from "../args.ts";
import { cannot, localError, mustRead, readable, whyUnreadable } from "../local.ts";
import { Patience } from "../../patience.ts";
import { LocalDisks } from "../local_disks.ts";
import { Ahead } from "./ahead.ts";
import { SEND, type SendArgs, SEVERAL_NAMED, STDIN } from "./args.ts";
import { type Excluded, hasOwn, isOwn, loadExclusions, relative } from "./exclude.ts";
import { whyNoFile } from "./failures.ts";
import { cutNames, type FileToSend } from "./file_to_send.ts";
import { expandGlob, isGlob, mayMeet } from "./glob.ts";
import { entriesOf, kindOf, type Look, lookAhead, type Place, whyNot } from "./look_ahead.ts";
import { MediaTypes, UNKNOWN_TYPE } from "./media_types.ts";

/** After so many milliseconds of calls that block, other work has its turn: an interruption above all. */
const TURN_MS = 20;

/** The files of a command, as they are found. */
export interface Walk {
  readonly ahead: Ahead;
  /** Sentences for people; complete when everything is found. */
  notes(): readonly string[];
}

/**
 * Begins to look at every file once. A file that cannot be sent is found with its error.
 *
 * @param signal Ends the walk.
 * @returns What is found; its queue fails if `--name` is for one of several files.
 * @throws {FxferError} If patterns cannot be read.
 */
export async function startWalk(asked: SendArgs, signal: AbortSignal): Promise<Walk> {
  const planner = new Planner(asked, await loadExclusions(asked), signal);
  void planner.findAll();
  return planner;
}

class Planner implements Walk {
  readonly ahead: Ahead;
  /** What was found already; absent where no file can be found twice. */
  readonly #found: Set<string> | undefined;
  #findsAny = false;
  #twice = 0;
  #cutNames = 0;
  readonly #asked: SendArgs;
  readonly #types = new MediaTypes();
  readonly #excluded: Excluded;
  readonly #signal: AbortSignal;
  readonly #disks = new LocalDisks();
  readonly #patience = new Patience();
  /** When other work last had its turn. */
  #turnAt = performance.now();

  constructor(asked: SendArgs, excluded: Excluded, signal: AbortSignal) {
    this.#asked = asked;
    this.#excluded = excluded;
    this.#signal = signal;
    this.ahead = new Ahead(signal);
    if (mayMeet(asked.files)) this.#found = new Set();
  }

  /** Never rejects. */
  async findAll(): Promise<void> {
    try {
      for (const file of this.#asked.files) await this.#add(file);
      this.ahead.end();
    } catch (error) {
      this.ahead.fail(error);
    }
  }

  notes(): readonly string[] {
    return [
      ...(this.#findsAny ? [] : ["there is no file to send"]),
      ...(this.#twice === 0
        ? []
        : [`${count(this.#twice, "file")} named more than once: sent once`]),
      ...(this.#cutNames === 0 ? [] : [cutNames(this.#cutNames)]),
    ];
  }

  /** One operand: a file, standard input, a folder with `-r`, or a pattern. */
  async #add(path: string): Promise<void> {
    if (path === STDIN) {
      await this.#typed(this.#asked.name);
      return this.#push(this.#target(path, this.#asked.name));
    }
    if (!isGlob(path) || await exists(path)) return await this.#addPath(path);
    const found = await readable(".") ? await expandGlob(path, this.#unreadable) : [];
    if (found.length > 1 && this.#asked.name !== undefined) {
      throw usageError([SEVERAL_NAMED], SEND.name);
    }
    for (const file of found) await this.#addPath(file, true);
    if (found.length > 0) return;
    this.#refuse(path, localError(`read ${path}`, undefined, "no file fits this pattern"));
  }

  async #addPath(path: string, found = false): Promise<void> {
    await this.#pace();
    try {
      await mustRead(path);
      const real = await Deno.realPath(path).catch(() => path);
      if (hasOwn(path) || hasOwn(real)) {
        throw localError(
          `send ${path}`,
          undefined,
          "it is fxfer's own, and not to be sent",
        );
      }
      const why = (cause: unknown) => whyNoFile(path, cause);
      const info = await Deno.stat(path).catch(cannot(`read ${path}`, why));
      if (info.isDirectory) return await this.#addFolder(path);
      if (this.#excluded(relative(path))) return;
      if (found && !info.isFile) return this.#leaveOut(path, kindOf(info));
      if (info.isSocket) throw localError(`read ${path}`, undefined, kindOf(info));
      const name = this.#asked.name ?? basename(path);
      await this.#typed(name);
      this.#push(this.#target(path, name, info));
    } catch (error) {
      const isTold = error instanceof FxferError;
      this.#refuse(path, isTold ? error : localError(`read ${path}`, error, whyUnreadable(error)));
    }
  }

  async #addFolder(path: string): Promise<void> {
    if (!this.#asked.recursive) {
      throw localError(`read ${path}`, undefined, "it is a folder, -r sends what is in it");
    }
    const name = basename(path);
    const real = this.#asked.followLinks ? await Deno.realPath(path) : path;
    await this.#walk({ path, name: /^\.{0,2}$/.test(name) ? "" : `${name}/`, below: "", real });
  }

  /** Every file below a folder, by name. */
  async #walk(place: Place): Promise<void> {
    const { path: folder, name, below } = place;
    const local = await this.#disks.has(folder);
    const patience = local ? this.#patience : undefined;
    const entries = await entriesOf(folder, patience).catch((cause) => {
      // The operand itself is an error, as a file would be.
      if (below === "") throw localError(`read ${folder}`, cause, whyUnreadable(cause));
      this.#unreadable(folder, cause);
      return [];
    });
    for (const { entry, path, look } of lookAhead(folder, entries, patience)) {
      if (this.#mustWait) await this.#pace();
      const at = below + entry.name;
      if (isOwn(entry.name) || this.#excluded(entry.kind === "folder" ? `${at}/` : at)) continue;
      if (entry.kind === "file") {
        const later = this.#file(path, name + entry.name, look, local);
        if (later !== undefined) await later;
        continue;
      }
      const inner = { path, name: name + entry.name, below: at, parent: place };
      if (entry.kind === "link") await this.#link(inner);
      else if (entry.kind === "folder") await this.#enter(inner, join(place.real, entry.name));
      else this.#leaveOut(path, await Deno.lstat(path).then(kindOf, whyNot));
    }
  }

  get #mustWait(): boolean {
    return this.ahead.isFull || performance.now() - this.#turnAt > TURN_MS || this.#signal.aborted;
  }

  /** Gives other work its turn, and waits until what was found is taken. @throws The signal's reason. */
  async #pace(): Promise<void> {
    if (this.ahead.isFull) await this.ahead.room();
    else if (this.#mustWait) await new Promise<void>((resolve) => setTimeout(resolve));
    this.#signal.throwIfAborted();
    this.#turnAt = performance.now();
  }

  #enter(place: Omit<Place, "real">, real: string): Promise<void> {
    return this.#walk({ ...place, name: `${place.name}/`, below: `${place.below}/`, real });
  }

  /** Undefined if nothing had to be waited for. */
  #file(
    path: string,
    name: string,
    look = (): Look => Deno.stat(path),
    local = false,
  ): Promise<void> | undefined {
    try {
      const typing = this.#typed(name);
      const looked = look();
      const isNow = typing === undefined && !(looked instanceof Promise);
      if (!isNow) return this.#fileLater(path, name, Promise.all([looked, typing]), local);
      this.#push(this.#target(path, name, looked, local, true));
    } catch (cause) {
      this.#refuse(path, localError(`read ${path}`, cause, whyUnreadable(cause)), name);
    }
  }

  async #fileLater(
    path: string,
    name: string,
    looking: Promise<readonly [Deno.FileInfo, unknown]>,
    local: boolean,
  ): Promise<void> {
    try {
      const [info] = await looking;
      this.#push(this.#target(path, name, info, local));
    } catch (cause) {
      this.#refuse(path, localError(`read ${path}`, cause, whyUnreadable(cause)), name);
    }
  }

  async #link(link: Omit<Place, "real">): Promise<void> {
    const { path, name, below } = link;
    if (!this.#asked.followLinks) {
      return this.#leaveOut(path, "it is a link, --follow-links sends what it points to");
    }
    let info: Deno.FileInfo;
    let real: string;
    try {
      [info, real] = [await Deno.stat(path), await Deno.realPath(path)];
    } catch (cause) {
      const nowhere = cause instanceof Deno.errors.NotFound;
      return this.#leaveOut(path, nowhere ? "it is a link that leads nowhere" : whyNot(cause));
    }
    if (hasOwn(real)) return;
    if (info.isFile) return await this.#file(path, name);
    if (!info.isDirectory) return this.#leaveOut(path, kindOf(info));
    if (this.#excluded(`${below}/`)) return;
    for (let above = link.parent; above !== undefined; above = above.parent) {
      if (`${above.real}${SEPARATOR}`.startsWith(`${real}${SEPARATOR}`)) {
        return this.#leaveOut(path, "it is a link to a folder above it");
      }
    }
    await this.#enter(link, real);
  }

  /** Makes the media type of a name known; undefined if it is known already. */
  #typed(name: string | undefined): Promise<void> | undefined {
    if (this.#asked.type !== undefined || name === undefined) return undefined;
    return this.#types.of(name) === undefined ? this.#types.load() : undefined;
  }

  readonly #unreadable = (folder: string, cause: unknown): void => {
    this.#leaveOut(folder, whyNot(cause));
  };

  #leaveOut(label: string, reason: string): void {
    this.#findsAny = true;
    this.ahead.put({ label, reason });
  }

  #refuse(path: string, error: FxferError, name = this.#asked.name ?? basename(path)): void {
    this.#push({ ...this.#target(path, name), error });
  }

  #push(target: FileToSend): void {
    const key = this.#found && `${absolutePath(target.path)}\0${target.name}`;
    if (key !== undefined && this.#found!.has(key)) return void this.#twice++;
    if (key !== undefined) this.#found!.add(key);
    this.#findsAny = true;
    this.ahead.put(target);
  }

  #target(
    path: string,
    whole: string | undefined,
    info?: Deno.FileInfo,
    local?: boolean,
    isQuick?: boolean,
  ): FileToSend {
    const name = whole === undefined ? undefined : fitName(whole, true);
    if (name !== undefined && name.length < whole!.length) this.#cutNames++;
    const target: Mutable<FileToSend> = {
      label: path,
      path,
      mimeType: this.#asked.type ?? this.#types.of(name ?? "") ?? UNKNOWN_TYPE,
    };
    if (name !== undefined) target.name = name;
    if (info?.isFile) {
      target.size = info.size;
      target.mtime = info.mtime?.getTime() ?? 0;
      if (((info.mode ?? 0) & 0o100) !== 0) target.executable = true;
    }
    if (local) target.local = true;
    const looked = local && isQuick ? smallFileState(info!) : undefined;
    if (looked !== undefined) target.looked = looked;
    return target;
  }
}

async function exists(path: string): Promise<boolean> {
  if (!await readable(path)) return true;
  return await Deno.lstat(path).then(() => true, () => false);
}
