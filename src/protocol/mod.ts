/** What is on the wire: pure, no I/O. @module */
export * from "./limits.ts";
export type {
  Action,
  ConnectData,
  ConnectRequest,
  DecodeEvent,
  DisconnectRequest,
  FileInfo,
  FrameHeader,
  HeartbeatRequest,
  Mode,
  ReplyBody,
  ReplyFrame,
  ReplyHeader,
  RequestFrame,
  SessionHeader,
  TransferData,
  TransferRequest,
  V1Header,
} from "./frame.ts";
export { Decoder, type DecoderOptions } from "./decoder.ts";
export { encodeReply, encodeRequest, type RequestInit } from "./encoder.ts";
export { encodeV1Header, encodeV1Results, type V1Result } from "./v1.ts";
export { negotiateVersion } from "./version.ts";
