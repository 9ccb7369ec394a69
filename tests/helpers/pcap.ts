/** A capture file of one TCP connection, made from the bytes of both ends. @module */

/** One piece of bytes: from the client (`up`), or from the server. */
export interface Piece {
  readonly direction: "up" | "down";
  readonly bytes: Uint8Array;
}

const CLIENT_PORT = 40_000;

/** A segment carries so many bytes. */
const SEGMENT = 1400;

/** The capture: raw IPv4 packets, in order, a millisecond apart; checksums are 0, which stands for none. */
export function pcap(pieces: readonly Piece[], serverPort: number): Uint8Array {
  const packets: Uint8Array[] = [];
  const sent = { up: 1, down: 1 };
  for (const { direction, bytes } of pieces) {
    for (let at = 0; at < bytes.length; at += SEGMENT) {
      const part = bytes.subarray(at, at + SEGMENT);
      const other = direction === "up" ? sent.down : sent.up;
      packets.push(packet(direction, part, sent[direction], other, serverPort));
      sent[direction] += part.length;
    }
  }
  const records = packets.map((bytes, at) => {
    const record = new Uint8Array(16 + bytes.length);
    const view = new DataView(record.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(4, at * 1000, true);
    view.setUint32(8, bytes.length, true);
    view.setUint32(12, bytes.length, true);
    record.set(bytes, 16);
    return record;
  });
  const head = new DataView(new ArrayBuffer(24));
  head.setUint32(0, 0xa1b2c3d4, true);
  head.setUint16(4, 2, true);
  head.setUint16(6, 4, true);
  head.setUint32(16, 65_535, true);
  // LINKTYPE_RAW: each packet begins with its IP header.
  head.setUint32(20, 101, true);
  return Uint8Array.from([new Uint8Array(head.buffer), ...records].flatMap((part) => [...part]));
}

function packet(
  direction: Piece["direction"],
  payload: Uint8Array,
  sequence: number,
  acknowledged: number,
  serverPort: number,
): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length);
  const view = new DataView(bytes.buffer);
  const isUp = direction === "up";
  // IPv4, 20 bytes of header, TTL 64, TCP, from and to 127.0.0.1.
  view.setUint8(0, 0x45);
  view.setUint16(2, bytes.length);
  view.setUint8(8, 64);
  view.setUint8(9, 6);
  view.setUint32(12, 0x7f000001);
  view.setUint32(16, 0x7f000001);
  view.setUint16(20, isUp ? CLIENT_PORT : serverPort);
  view.setUint16(22, isUp ? serverPort : CLIENT_PORT);
  view.setUint32(24, sequence);
  view.setUint32(28, acknowledged);
  // 20 bytes of header, PSH and ACK.
  view.setUint8(32, 0x50);
  view.setUint8(33, 0x18);
  view.setUint16(34, 65_535);
  bytes.set(payload, 40);
  return bytes;
}
