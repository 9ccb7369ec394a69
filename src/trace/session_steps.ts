/** What happened to a session between two of its records, in words and with the rule's id. Pure. @module */
import { isAttached, type SessionRecord, STATE_NAMES } from "../session/mod.ts";

/** One thing that happened. */
export interface Step {
  /** Of the wire contract, such as `S-CON-1`. */
  readonly rule: string;
  /** One line. */
  readonly words: string;
}

/** `Authenticated`, or `Authenticated → Active`; a new session comes all the way from Idle. */
export function stateWords(before: SessionRecord | undefined, after: SessionRecord): string {
  const now = STATE_NAMES[after.state];
  if (before === undefined) return `${STATE_NAMES.idle} → ${STATE_NAMES.connected} → ${now}`;
  return before.state === after.state ? now : `${STATE_NAMES[before.state]} → ${now}`;
}

/** The steps that lead from one saved record to the next; at least one. */
export function stepsBetween(before: SessionRecord | undefined, after: SessionRecord): Step[] {
  if (before === undefined) {
    const secret = after.tokenHash === null ? "" : ", with a secret";
    return [{ rule: "S-CON-1", words: `a new session for ${after.clientAddress}${secret}` }];
  }
  const steps = [
    ...attachSteps(before, after),
    ...transferSteps(before, after),
    ...endSteps(before, after),
  ];
  return steps.length > 0 ? steps : [{ rule: "S-CLK-4", words: "heard of: the lease is renewed" }];
}

function attachSteps(before: SessionRecord, after: SessionRecord): Step[] {
  if (after.epoch === before.epoch) return [];
  const { upload } = after;
  const open = upload === null ? "" : `, ${upload.offset} bytes of a file are here`;
  const next = `epoch ${after.epoch}, next is sequence ${after.lastSequence + 1}${open}`;
  return isAttached(before.state) && after.takeovers !== before.takeovers
    ? [{ rule: "S-TAKE-2", words: `taken over by ${after.clientAddress}: ${next}` }]
    : [{ rule: "S-CON-2", words: `resumed by ${after.clientAddress}: ${next}` }];
}

function transferSteps(before: SessionRecord, after: SessionRecord): Step[] {
  const steps: Step[] = [];
  if (after.lastSequence > before.lastSequence) {
    const reply = after.ring.at(-1)?.reply;
    const code = reply === undefined ? "" : `, answered ${reply.code}`;
    steps.push({ rule: "S-SEQ-4", words: `sequence ${after.lastSequence} ran${code}` });
    const files = after.filesTransferred - before.filesTransferred;
    if (files > 0) {
      const bytes = after.totalBytes - before.totalBytes;
      steps.push({ rule: "S-TRF-7", words: `a file of ${bytes} bytes is stored` });
    }
  }
  return [...steps, ...uploadSteps(before, after), ...intentSteps(before, after)];
}

function intentSteps(before: SessionRecord, after: SessionRecord): Step[] {
  if (after.intent !== null && before.intent === null) {
    return [{ rule: "S-SEQ-5", words: "a file is about to get its final name" }];
  }
  const ran = after.lastSequence > before.lastSequence;
  if (after.intent === null && before.intent !== null && !ran) {
    return [{ rule: "S-SEQ-5", words: "the file did not get its name: the intent is dropped" }];
  }
  return [];
}

function uploadSteps({ upload: before, ...old }: SessionRecord, now: SessionRecord): Step[] {
  const { upload: after } = now;
  if (after !== null && after.temporaryPath !== before?.temporaryPath) {
    return [{ rule: "S-TRF-1", words: "a file begins" }];
  }
  if (after !== null && before !== null && after.offset > before.offset) {
    return [{ rule: "S-TRF-4", words: `checkpoint: ${after.offset} bytes are kept` }];
  }
  const ran = now.lastSequence > old.lastSequence;
  if (after === null && before !== null && !ran && now.endedAt === null) {
    return [{ rule: "S-TRF-4", words: "the partial file is gone" }];
  }
  return [];
}

function endSteps(before: SessionRecord, after: SessionRecord): Step[] {
  if (after.state === before.state) return [];
  switch (after.state) {
    case "detached":
      return [{
        rule: "S-DIS-1",
        words: `the connection is gone: it expires in ${after.expiryMs / 1000} s`,
      }];
    case "expired":
      return [{ rule: "S-CLK-1", words: "its time is over: its partial file goes" }];
    case "closed":
      return [{
        rule: "S-DIS-1",
        words: `closed: ${after.filesTransferred} files, ${after.totalBytes} bytes, ` +
          `${after.messageCount} messages`,
      }];
    default:
      return [];
  }
}
