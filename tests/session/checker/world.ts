/**
 * A world small enough to be looked at whole: one session, two servers that share a store and a folder,
 * two client programs of one user, and everything that can go wrong between two steps. The servers
 * change the session by the functions of the session folder; each step of theirs that another process
 * could see is a step here, so a server that stands still between two steps is simply not chosen.
 *
 * @module
 */
import { createSession, type SessionRecord } from "../../../src/session/mod.ts";
import { sampleId, T0, TERMS } from "../samples.ts";

/** How many files the clients want stored: file n is sent in frame n. */
export const FILES = 2;

/** Every file has this many bytes; a server saves the offset after each but the last. */
export const BYTES = 2;

/** The rules that can be taken out, one at a time. */
export interface Rules {
  /** S-SEQ-1: a number that ran is answered from memory. */
  readonly keptReplies: boolean;
  /** S-SEQ-5: what is about to happen is saved before a file gets its final name. */
  readonly intentFirst: boolean;
  /** S-SEQ-5: whoever finds an intent looks for the file before it drops the intent. */
  readonly intentsAreFinished: boolean;
  /** S-TAKE-2: a save of a record that was changed since is refused. */
  readonly compareAndSet: boolean;
  /** S-TAKE-2: a server whose save was refused stops, and names no file. */
  readonly refusedStops: boolean;
  /** S-TRF-4: only offsets that were saved are told. */
  readonly savedOffsets: boolean;
  /** S-TRF-7: `ok` is said when the file has its name and its line. */
  readonly okComesLast: boolean;
  /** S-CON-4: an id that the store does not know is never adopted. */
  readonly unknownStaysUnknown: boolean;
  /** S-TRF-10: what is cleaned away is named by no session. */
  readonly cleanedIsNamedByNone: boolean;
  /** S-SEQ-9: a journal counts from a save on that was made after it began. */
  readonly journalIsConfirmed: boolean;
  /** S-SEQ-9: between the note and the final name the holder looks whether the journal is its own. */
  readonly looksAtJournal: boolean;
  /** S-SEQ-9: who gets the session takes the journal over before it publishes anything. */
  readonly takesJournalOver: boolean;
  /** S-SEQ-9: the partial files that are noted are removed before anybody looks for the final names. */
  readonly removesNoted: boolean;
}

export const ALL_RULES: Rules = {
  keptReplies: true,
  intentFirst: true,
  intentsAreFinished: true,
  compareAndSet: true,
  refusedStops: true,
  savedOffsets: true,
  okComesLast: true,
  unknownStaysUnknown: true,
  cleanedIsNamedByNone: true,
  journalIsConfirmed: true,
  looksAtJournal: true,
  takesJournalOver: true,
  removesNoted: true,
};

/** What a server does next for the frame, or the recovery, that it has begun. */
export type Step =
  | ("open" | "write" | "save" | "intend" | "name" | "line" | "run" | "answer")
  | NotedStep;

/** The steps of a file that nothing announces, and of a server that has just got the session. */
export type NotedStep = "begin" | "confirm" | "note" | "look" | "take" | "read" | "resolve";

/** What a holder notes of a file before it publishes it. */
export interface Note {
  readonly frame: number;
  readonly temporary: string;
  readonly final: string;
}

export interface Job {
  readonly frame: number;
  readonly step: Step;
  /** The client that is answered at the end; absent in a recovery. */
  readonly client?: number;
  readonly temporary: string;
  readonly final: string;
  readonly written: number;
  /** What a newcomer has read of its forerunners' notes. */
  readonly notes?: readonly Note[];
}

export interface Server {
  /** The record as this server believes it is; null while it holds no session. */
  readonly held: SessionRecord | null;
  readonly job: Job | null;
  /** The name of the journal that it may use; null if it has none. */
  readonly journal: number | null;
  /** The files of its forerunners that it has found published. */
  readonly found: readonly Note[];
}

export interface Client {
  /** The server at the other end of its connection; null without one. */
  readonly at: number | null;
  /** The frame it waits for an answer to. */
  readonly asked: number | null;
  readonly connects: number;
  /** Displaced, or told that the session is unknown: it does nothing any more. */
  readonly over: boolean;
}

/** A file under its final name. */
export interface Stored {
  readonly frame: number;
  readonly bytes: number;
}

export interface World {
  /** What the store has; null when it has lost the session. */
  readonly record: SessionRecord | null;
  /** Partial files: bytes written, and those that survive the death of their writer. */
  readonly partial: Readonly<Record<string, { readonly bytes: number; readonly safe: number }>>;
  readonly stored: Readonly<Record<string, Stored>>;
  /** Whether small files are noted in a journal, and not announced. */
  readonly noted: boolean;
  /** Journals, by the names they had when they began. */
  readonly journals: Readonly<Record<number, readonly Note[]>>;
  /** Which journal stands under the session's name, and which under the name of one that is taken over. */
  readonly live: number | null;
  readonly taken: number | null;
  /** What was taken over before. */
  readonly kept: readonly Note[];
  /** The paths in the manifest. */
  readonly lines: readonly string[];
  readonly servers: readonly [Server, Server];
  readonly clients: readonly [Client, Client];
  /** The frames that some client has `ok` for. */
  readonly acked: readonly number[];
  /** The furthest offset that was told of each frame's file. */
  readonly told: Readonly<Record<number, number>>;
  /** How many of each misfortune may still happen. */
  readonly left: {
    readonly crash: number;
    readonly cut: number;
    readonly loss: number;
    readonly sweep: number;
  };
  /** Makes names that were never used. */
  readonly names: number;
}

export const BEGINNING: World = {
  record: createSession({ id: sampleId(1), now: T0, tokenHash: null, ...TERMS }),
  partial: {},
  stored: {},
  noted: false,
  journals: {},
  live: null,
  taken: null,
  kept: [],
  lines: [],
  servers: [
    { held: null, job: null, journal: null, found: [] },
    { held: null, job: null, journal: null, found: [] },
  ],
  clients: [
    { at: null, asked: null, connects: 2, over: false },
    { at: null, asked: null, connects: 1, over: false },
  ],
  acked: [],
  told: {},
  left: { crash: 1, cut: 1, loss: 0, sweep: 1 },
  names: 0,
};
