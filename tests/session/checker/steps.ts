/** The steps of the world: what each server, each client and bad luck can do next. @module */
import {
  attach,
  checkpoint,
  dropUpload,
  execute,
  type Execution,
  intend,
  judge,
  openUpload,
  type SessionRecord,
} from "../../../src/session/mod.ts";
import { T0, TERMS } from "../samples.ts";
import { displaced, NOTHING, save, withClient, withServer } from "./changes.ts";
import { advanceNoted, anew, isNoted, receiveNoted } from "./noted.ts";
import { BEGINNING, BYTES, FILES, type Job, type Rules, type Step, type World } from "./world.ts";

/** Each world that can come after this one, with the step that leads there. */
export function* nexts(rules: Rules, world: World): Iterable<readonly [string, World]> {
  for (const at of [0, 1]) {
    const { job } = world.servers[at]!;
    if (job !== null) {
      yield [`server ${at}: ${job.step} ${job.frame}`, advance(rules, world, at, job)];
    }
    if (world.left.crash > 0 && world.servers[at]!.held !== null) {
      yield [`server ${at} dies`, crash(world, at)];
    }
    if (world.left.sweep > 0) yield [`server ${at} cleans up`, sweep(rules, world, at)];
  }
  for (const who of [0, 1]) {
    const client = world.clients[who]!;
    if (client.over) continue;
    if (client.at === null) {
      if (client.connects === 0) continue;
      for (const at of [0, 1]) {
        yield [`client ${who} connects to server ${at}`, connect(rules, world, who, at)];
      }
    } else {
      const server = world.servers[client.at]!;
      if (client.asked === null && server.job === null && server.held !== null) {
        yield* send(rules, world, who, server.held);
      }
      if (world.left.cut > 0) {
        const cut = withClient(world, who, { at: null, asked: null });
        yield [`client ${who} is cut off`, {
          ...cut,
          left: { ...cut.left, cut: cut.left.cut - 1 },
        }];
      }
    }
  }
  if (world.left.loss > 0 && world.record !== null) {
    const left = { ...world.left, loss: world.left.loss - 1 };
    yield ["the store loses its data", { ...world, record: null, left }];
  }
}

/** The process is gone, and with it every byte that it had not made safe. */
function crash(world: World, at: number): World {
  const { job } = world.servers[at]!;
  const lost = job === null ? undefined : world.partial[job.temporary];
  const partial = lost === undefined
    ? world.partial
    : { ...world.partial, [job!.temporary]: { ...lost, bytes: lost.safe } };
  const left = { ...world.left, crash: world.left.crash - 1 };
  const without = withServer({ ...world, partial, left }, at, NOTHING);
  return without.clients.reduce(
    (all, client, i) => client.at === at ? withClient(all, i, { at: null, asked: null }) : all,
    without,
  );
}

/** Removes partial files that no session names, and that this server is not writing. */
function sweep(rules: Rules, world: World, at: number): World {
  const { record, servers } = world;
  const named = [record?.upload?.temporaryPath, record?.intent?.temporaryPath];
  const mine = servers[at]!.job?.temporary;
  const kept = Object.entries(world.partial).filter(([path]) =>
    path === mine || (rules.cleanedIsNamedByNone && (named.includes(path) ||
      // Another process may be writing it: the sweep leaves files alone that are locked.
      servers[1 - at]!.job?.temporary === path))
  );
  const left = { ...world.left, sweep: world.left.sweep - 1 };
  return { ...world, partial: Object.fromEntries(kept), left };
}

/** S-CON-2, S-TAKE-2: the newcomer gets the session, and finishes what it finds begun. */
function connect(rules: Rules, world: World, who: number, at: number): World {
  const came = withClient(world, who, { connects: world.clients[who]!.connects - 1 });
  let { record } = world;
  if (record === null) {
    if (rules.unknownStaysUnknown) return withClient(came, who, { over: true });
    record = { ...BEGINNING.record!, version: 0 };
  }
  const next = attach(record, { ...TERMS, instance: String(at), now: T0 });
  // Connects are one step here: the store takes the attach or the client comes again.
  const before = { ...came, record };
  const saved = save({ ...rules, compareAndSet: true }, displacedAt(before, at, who), at, next)!;
  const attached = withClient(saved, who, { at, asked: null });
  const { intent } = next;
  if (intent === null) {
    if (!world.noted || !rules.takesJournalOver) return tell(rules, attached, next);
    const job = { frame: 0, step: "take", temporary: "", final: "", written: 0 } as const;
    return withServer(attached, at, { job });
  }
  const { sequence: frame, temporaryPath: temporary, finalPath: final } = intent;
  const found = attached.stored[final] !== undefined ||
    attached.partial[temporary]?.bytes === BYTES;
  if (found && rules.intentsAreFinished) {
    const job = { frame, step: "name", temporary, final, written: BYTES } as const;
    return withServer(attached, at, { job });
  }
  const { [temporary]: _, ...partial } = attached.partial;
  return save(rules, { ...attached, partial }, at, dropUpload(next, T0))!;
}

/** A server that holds the session for another client lets go of that one first. */
function displacedAt(world: World, at: number, who: number): World {
  const other = world.clients[1 - who]!;
  const free = withServer(world, at, NOTHING);
  return other.at === at ? withClient(free, 1 - who, { at: null, asked: null, over: true }) : free;
}

/** The reply to a connect says how far the open file is. */
function tell(rules: Rules, world: World, { upload }: SessionRecord): World {
  if (upload === null) return world;
  const { sequence, offset, temporaryPath } = upload;
  const there = world.partial[temporaryPath]?.bytes ?? 0;
  return { ...world, told: { ...world.told, [sequence]: rules.savedOffsets ? offset : there } };
}

/** The client sends the next frame, or again one whose reply it never got. */
function* send(
  rules: Rules,
  world: World,
  who: number,
  held: SessionRecord,
): Iterable<readonly [string, World]> {
  const unsure = Array.from({ length: held.lastSequence }, (_, i) => i + 1)
    .filter((frame) => !world.acked.includes(frame));
  const due = held.lastSequence + 1;
  for (const frame of due <= FILES ? [...unsure, due] : unsure) {
    yield [`client ${who} sends ${frame}`, receive(rules, world, who, held, frame)];
  }
}

function receive(
  rules: Rules,
  world: World,
  who: number,
  held: SessionRecord,
  frame: number,
): World {
  const at = world.clients[who]!.at!;
  const asking = withClient(world, who, { asked: frame });
  const verdict = judge(held, frame, `frame ${frame}`);
  if (verdict.kind === "replay" && rules.keptReplies) return answered(asking, who, frame);
  const { upload } = held;
  if (world.noted) return receiveNoted(asking, at, who, frame);
  const names = world.names + 1;
  const fresh = { frame, client: who, temporary: `part ${names}`, final: `file ${frame} ${names}` };
  // The file of this frame is open already: its bytes are copied, because another process may write them.
  const goesOn = upload !== null && upload.sequence === frame &&
    (asking.partial[upload.temporaryPath]?.bytes ?? 0) >= upload.offset;
  const written = goesOn ? upload.offset : 0;
  const job: Job = { ...fresh, step: "open", written };
  return withServer({ ...asking, names }, at, { job });
}

function answered(world: World, who: number, frame: number): World {
  if (world.clients[who]!.asked !== frame) return world;
  const acked = world.acked.includes(frame) ? world.acked : [...world.acked, frame].sort();
  return withClient({ ...world, acked }, who, { asked: null });
}

/** One step of a server. A refused save means that another server has the session (S-TAKE-2). */
function advance(rules: Rules, world: World, at: number, job: Job): World {
  const { held } = world.servers[at]!;
  const { frame, temporary, final, written } = job;
  const to = (next: World | undefined, step: Step, change: Partial<Job> = {}): World =>
    next === undefined
      ? displaced(world, at)
      : withServer(next, at, { job: { ...job, step, ...change } });
  const record = held!;
  const { step: now } = job;
  if (isNoted(now)) return advanceNoted(rules, world, at, job, now);
  switch (now) {
    case "open": {
      const upload = {
        ...{ openedBy: frame, sequence: frame, offset: written, mimeType: "a/b" },
        ...{ temporaryPath: temporary, finalPath: final },
      };
      const saved = save(rules, world, at, openUpload(record, upload, T0));
      if (saved === undefined) return displaced(world, at);
      const partial = { ...saved.partial, [temporary]: { bytes: written, safe: written } };
      return to({ ...saved, partial }, "write");
    }
    case "write": {
      const { safe } = world.partial[temporary] ?? { safe: 0 };
      // A file that was swept away while it was open is written to, and found by nobody.
      const partial = world.partial[temporary] === undefined
        ? world.partial
        : { ...world.partial, [temporary]: { bytes: written + 1, safe } };
      const whole = written + 1 === BYTES;
      const step = !whole ? "save" : rules.okComesLast ? "intend" : "answer";
      return to({ ...world, partial }, step, { written: written + 1 });
    }
    case "save": {
      const flushed = world.partial[temporary] === undefined
        ? world.partial
        : { ...world.partial, [temporary]: { bytes: written, safe: written } };
      const next = checkpoint(record, written, T0);
      return to(save(rules, { ...world, partial: flushed }, at, next), "write");
    }
    case "intend": {
      if (!rules.intentFirst) return to(world, "name");
      if (world.partial[temporary] === undefined) return displaced(world, at);
      const partial = { ...world.partial, [temporary]: { bytes: BYTES, safe: BYTES } };
      const intent = {
        ...{ sequence: frame, fingerprint: `frame ${frame}`, mimeType: "a/b" },
        ...{ temporaryPath: temporary, finalPath: final, size: BYTES, sha256: "" },
      };
      const saved = save(rules, { ...world, partial }, at, intend(record, intent, T0));
      if (saved === undefined && !rules.refusedStops) return to(world, "name");
      return to(saved, "name");
    }
    case "name": {
      const part = world.partial[temporary];
      if (part === undefined && world.noted) return anew(world, at, job);
      if (part === undefined) {
        // Whoever came first has given it this name; a file that nobody finds has no name.
        return world.stored[final] === undefined ? displaced(world, at) : to(world, "line");
      }
      const { [temporary]: _, ...partial } = world.partial;
      const stored = { ...world.stored, [final]: { frame, bytes: part.bytes } };
      return to({ ...world, partial, stored }, "line");
    }
    case "line": {
      const lines = world.lines.includes(final) ? world.lines : [...world.lines, final].sort();
      return to({ ...world, lines }, "run");
    }
    case "run": {
      // With S-SEQ-1 out, a frame that ran before is run under the next number.
      const sequence = record.lastSequence + 1;
      const run: Execution = {
        ...{ sequence, fingerprint: `frame ${frame}`, reply: { code: "ok" }, upload: null },
        ...{
          storedBytes: BYTES,
          storedFiles: 1,
          maxInflight: 4,
          now: T0,
          input: "transfer" as const,
        },
      };
      return to(save(rules, world, at, execute(record, run)), "answer");
    }
    case "answer": {
      const done = job.client === undefined ? world : answered(world, job.client, frame);
      // With S-TRF-7 out, the answer comes first and the work after it.
      const early = !rules.okComesLast && record.lastSequence < frame;
      return early ? to(done, "intend") : withServer(done, at, { job: null });
    }
  }
}
