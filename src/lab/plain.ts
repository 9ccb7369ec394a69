/** Uploads without a session, as a simple client does them: each file is sent until it is answered. @module */

const encoder = new TextEncoder();

/** How an upload without a session is done. */
export interface PlainPlan {
  readonly port: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** With an id the server knows a file that it has already (S-TRF-9). */
  readonly uploadId?: string;
  /** How often it is tried. */
  readonly tries: number;
}

/** Sends one file; how many tries it took, or undefined when none of them was answered. */
export async function sendPlainly(plan: PlainPlan): Promise<number | undefined> {
  const { name, bytes, uploadId, port, tries } = plan;
  const data = encoder.encode(JSON.stringify({ name, upload_id: uploadId }));
  const session = { id: null, mode: "stateless", sequence: 1, action: "transfer" };
  const header = {
    ...{ version: "2.0", mime_type: "application/octet-stream", size: bytes.length },
    session: { ...session, data_size: data.length },
  };
  const head = encoder.encode(`${JSON.stringify(header)}\n`);
  for (let at = 1; at <= tries; at++) {
    if (await answered(port, [head, data, bytes])) return at;
  }
  return undefined;
}

/** One try: whether an `ok` came back. */
async function answered(port: number, parts: readonly Uint8Array[]): Promise<boolean> {
  let conn: Deno.TcpConn | undefined;
  try {
    conn = await Deno.connect({ hostname: "127.0.0.1", port });
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += await conn.write(part.subarray(at));
    }
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    let text = "";
    while (text.split("\n").length < 3) {
      const count = await conn.read(buffer);
      if (count === null) return false;
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
    return text.includes('"code":"ok"');
  } catch {
    return false;
  } finally {
    conn?.close();
  }
}
