/** Which rule of the contract a frame follows, and the rule's first sentence. @module */
import type { SeenFrame } from "../demo/wire_view.ts";
import { moduleText } from "../help/plain_text.ts";

/** The rule behind each request that has one of its own. */
const OF_REQUEST: Readonly<Record<string, string>> = {
  heartbeat: "S-SEQ-3",
  disconnect: "S-DIS-1",
  fetch: "S-GET-2",
  list: "S-LST-1",
  remove: "S-REM-1",
};

/** The rule behind each code. */
const OF_CODE: Readonly<Record<string, string>> = {
  session_created: "S-CON-1",
  session_resumed: "S-CON-2",
  session_unknown: "S-CON-4",
  session_expired: "S-CON-4",
  session_closed: "S-DIS-1",
  session_taken_over: "S-TAKE-3",
  takeover_flapping: "S-TAKE-5",
  unauthorized: "S-CON-5",
  not_connected: "S-CON-7",
  pong: "S-SEQ-3",
  partial: "S-TRF-4",
  incomplete: "S-TRF-6",
  offset_mismatch: "S-TRF-1",
  length_mismatch: "S-TRF-2",
  checksum_mismatch: "S-TRF-5",
  sequence_gap: "S-SEQ-2",
  sequence_reuse: "S-SEQ-1",
  store_unavailable: "S-DEG-2",
  server_shutting_down: "S-DRN-1",
  keepalive_timeout: "S-CLK-4",
  invalid_field: "S-FRM-1",
  malformed_header: "S-FRM-2",
  header_too_long: "S-FRM-6",
  unsupported_feature: "S-FRM-4",
  unsupported_version: "S-VER-1",
  protocol_error: "S-VER-6",
};

/** The id of the rule that a frame follows; undefined where no single rule stands behind it. */
export function ruleOf(frame: SeenFrame["frame"]): string | undefined {
  if (frame.type === "request") {
    const { action, mode, id } = frame.request.header.session;
    if (action === "connect") {
      return mode === "stateless" ? "S-CON-6" : id === null ? "S-CON-1" : "S-CON-5";
    }
    if (action === "transfer") return mode === "stateless" ? "S-TRF-9" : "S-SEQ-4";
    return OF_REQUEST[action];
  }
  const { header: { session: { action } }, body } = frame.reply;
  if (body.replayed === true) return action === "transfer" ? "S-SEQ-1" : "S-SEQ-3";
  if (body.code !== "ok") return OF_CODE[body.code];
  if (action === "transfer") return "S-TRF-7";
  if (action === "fetch") return "S-GET-1";
  return action === "connect" ? "S-CON-6" : OF_REQUEST[action];
}

/** Every id that {@linkcode ruleOf} may give. */
export const RULES: ReadonlySet<string> = new Set([
  ...Object.values(OF_REQUEST),
  ...Object.values(OF_CODE),
  ...["S-CON-6", "S-TRF-9", "S-SEQ-4", "S-SEQ-1", "S-TRF-7", "S-GET-1"],
]);

/** The first sentence of each rule, from the texts of the contract. */
export async function ruleSentences(): Promise<ReadonlyMap<string, string>> {
  const files = await Promise.all([
    import("../../protocol/mod.ts", { with: { type: "text" } }),
    import("../../protocol/files/mod.ts", { with: { type: "text" } }),
    import("../../session/mod.ts", { with: { type: "text" } }),
  ]);
  const sentences = new Map<string, string>();
  for (const file of files) {
    const text = moduleText((file as unknown as { readonly default: string }).default);
    for (const [, id, rule] of text.matchAll(/^- (S-[A-Z]+-\d+) ([^]*?)(?=\n- |\n\n|$(?![^]))/gm)) {
      const words = rule!.replaceAll(/\s+/g, " ");
      sentences.set(id!, /^.*?[.:](?= [A-Z`]|$)/.exec(words)?.[0] ?? words);
    }
  }
  return sentences;
}
