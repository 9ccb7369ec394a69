/**
 * fxfer moves files over TCP with an explicit session layer: a readable wire, requests that stand
 * alone or belong to a session, resume, and exactly-once storage.
 *
 * The library has the parts of the `fxfer` program: a server put together by {@linkcode serve}, a
 * client made by {@linkcode connect}, and what they are made of. It reads no environment, no
 * configuration and no flags, and needs no import map: import it by URL.
 *
 * @example A server and a client in one process
 * ```ts
 * import { connect, DiskStorage, MemorySessionStore, serve } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   await using store = new MemorySessionStore();
 *   await using server = serve({ storage, store, port: 0 });
 *   await using client = await connect({ port: server.addr.port });
 *   const result = await client.send(new Blob(["hello"]), { name: "hello.txt" });
 *   console.assert(result.confirmed && result.file?.size === 5);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */
export {
  type Code,
  type CodeClass,
  CODES,
  type CodeSpec,
  type ErrorFields,
  FxferError,
  type FxferErrorOptions,
  isCode,
} from "./src/errors.ts";
export {
  type Attach,
  type EventFacts,
  Events,
  type EventType,
  type FileEvent,
  type FileStep,
  type Listener,
  type Refusal,
  type Rule,
  type Sender,
  type ServerEvent,
  type SessionEvent,
  type SessionStep,
  type StateName,
  type TransferStep,
} from "./src/events.ts";
export {
  createLogger,
  formatJson,
  type LogEvent,
  logEvents,
  type LogFields,
  type Logger,
  type LogLevel,
  type LogThreshold,
  silentLogger,
} from "./src/log.ts";
export {
  type Action,
  type AuthHeader,
  type ConnectData,
  type ConnectRequest,
  type DecodeEvent,
  Decoder,
  type DecoderOptions,
  type DisconnectRequest,
  encodeReply,
  encodeRequest,
  encodeV1Header,
  encodeV1Results,
  type FetchData,
  type FetchRequest,
  type FileInfo,
  type FrameHeader,
  type HeartbeatRequest,
  type ListData,
  type ListOrder,
  type ListRequest,
  type Mode,
  negotiateVersion,
  type RemoveData,
  type RemoveRequest,
  type ReplyBody,
  type ReplyFrame,
  type ReplyHeader,
  type RequestBase,
  type RequestFrame,
  type RequestInit,
  type SessionHeader,
  type SignedBytes,
  type TransferData,
  type TransferRequest,
  type V1Header,
  type V1Result,
} from "./src/protocol/mod.ts";
export {
  type AuthMethod,
  type Intent,
  type IpBinding,
  type KeptReply,
  type Moved,
  type Removal,
  type Ring,
  type RingEntry,
  type SessionRecord,
  type SessionState,
  type UploadRecord,
} from "./src/session/mod.ts";
export {
  MemorySessionStore,
  type MemorySessionStoreOptions,
  type RedisClient,
  RedisSessionStore,
  type RedisSessionStoreOptions,
  type RedisSubscriber,
  type SessionStore,
  SqliteSessionStore,
  type SqliteSessionStoreOptions,
  type StoreStats,
  type TakeoverListener,
  type TakeoverWatch,
} from "./src/store/mod.ts";
export {
  type BudgetLedger,
  type Catalogue,
  type ComputedDigest,
  DiskStorage,
  type DiskStorageOptions,
  type Durability,
  type FileKey,
  type FileSpec,
  type FileStorage,
  type Flush,
  type GatheredFile,
  type Journal,
  type Journals,
  type KeepPolicy,
  type ListedFile,
  type ListPage,
  type ListQuery,
  type MayPublish,
  type Naming,
  type NotedFile,
  type OpenedFile,
  type OutdatedFile,
  type OwnedBy,
  type PartialFile,
  type PartialFiles,
  type PutSpec,
  type RemovedBy,
  type SealedFile,
  type StoredFile,
  type Tier,
  type UnannouncedFile,
  type Upload,
} from "./src/storage/mod.ts";
export { type Compaction, compactManifest } from "./src/storage/compaction.ts";
export {
  type VerifyFinding,
  verifyFolder,
  type VerifyOptions,
  type VerifyVerdict,
} from "./src/storage/verify.ts";
export {
  type ConnectionContext,
  DEFAULT_STATEFUL_OPTIONS,
  type FallbackTerms,
  type Identity,
  type Payload,
  Quotas,
  type Reply,
  type ReplyPayload,
  type Request,
  type RequestHandler,
  type Right,
  type StatefulChange,
  StatefulHandler,
  type StatefulOptions,
  StatelessHandler,
  type StatelessOptions,
  type Stored,
  type Telling,
  V1Handler,
  type V1Request,
  type V2Request,
} from "./src/handler/mod.ts";
export {
  type ExportedSession,
  type ExportOptions,
  exportSession,
  type ImportedSession,
  importMigrationKey,
  type ImportOptions,
  importSession,
} from "./src/migration/mod.ts";
export {
  type KeyPair,
  makeOwnCertificate,
  type OwnCertificate,
  type TlsOptions,
} from "./src/tls/mod.ts";
export {
  type Arrival,
  type Authorize,
  type ClockLimits,
  type ConnectionCount,
  DEFAULT_CLOCKS,
  DEFAULT_RATE,
  DEFAULT_SERVER,
  type DegradeAbove,
  Dispatcher,
  type MacPolicy,
  type Offers,
  ProxyGate,
  type ProxyOptions,
  type ProxyVersions,
  RateLimiter,
  type RateLimits,
  type Routes,
  type SecurityOptions,
  serve,
  type ServeChange,
  type ServeOptions,
  Server,
  type ServerChange,
  type ServerMode,
  type ServerSettings,
  type ServingServer,
  type TlsServeOptions,
  type Traffic,
  type UnreadRequest,
  type V1Ack,
} from "./src/server/mod.ts";
export {
  type AuthFields,
  CLOCK_TOLERANCE_MS,
  type CoveredBytes,
  formatKey,
  formatKeyLine,
  type Grant,
  GRANTS,
  isUserName,
  type Key,
  type KeyLine,
  Keyring,
  MacKey,
  MemoryLedger,
  newKey,
  parseKey,
  parseKeyFile,
  type Proof,
  type Usage,
  type User,
  type UserLedger,
  type UserLimits,
} from "./src/keys/mod.ts";
export { type CommandSender, RedisLedger } from "./src/keys/redis_ledger.ts";
export { SqliteLedger } from "./src/keys/sqlite_ledger.ts";
export {
  Health,
  type HealthOptions,
  Readiness,
  type ReadinessParts,
  type ReadyState,
  type UnreadyReason,
} from "./src/admin/mod.ts";
export {
  type Backoff,
  type Client,
  type ClientEvent,
  connect,
  type ConnectOptions,
  DEFAULT_BACKOFF,
  DEFAULT_RETRIES,
  type FetchOptions,
  type FetchResult,
  type FetchSink,
  fileSource,
  type ListOptions,
  type LostReason,
  type Progress,
  type RemoveResult,
  type SendOptions,
  type SendResult,
  type SessionTotals,
  type Source,
  type SourceInput,
  type StoredName,
  type Terms,
} from "./src/client/mod.ts";
