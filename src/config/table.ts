/**
 * The one table of settings, in the order of config.yaml. {@linkcode Config} is derived from it;
 * config.yaml, `fxfer help config`, the help of flags, the completions and the checks are made from
 * it; tests hold the library's defaults against it.
 *
 * `live` marks what can change while a server runs: src/app/serve_options.ts hands it to the server once more.
 *
 * Each row says which values are taken (`words`, and numbers with their range, a `text` or a
 * `list`), the default, and in `about` and `more` what the setting means. To add one: a row here,
 * then `fxfer config print --defaults > config.yaml`, and the place that uses the value
 * (src/app/serve_options.ts hands most of them to the library).
 *
 * A time is at most a day, because a longer one is a mistaken unit, and at least a hundredth of a
 * second, because zero would end everything at once. `session_timeout` stays below the 2^31-1
 * milliseconds (24.8 days) of a timer, which fires at once beyond that.
 *
 * The table is longer than 300 lines, because whoever looks for a setting finds all of them in one place.
 *
 * @module
 */

/** Every setting, by section. */
export const TABLE = {
  server: {
    about: "Where and how the server listens",
    settings: {
      host: {
        text: "host",
        default: "127.0.0.1",
        about: "Address to listen on",
        more: ['0.0.0.0 or "::" is every address: then security says who may come in'],
      },
      port: {
        words: ["off"],
        integer: [0, 65_535],
        default: 65432,
        about: "TCP port; 0 picks a free one and prints it",
        more: ["off leaves the port for TLS alone"],
      },
      tls: {
        about: "Encrypted connections, on a port of their own (fxfer help tls)",
        settings: {
          certificate: {
            words: ["off", "self"],
            text: "file",
            default: "off",
            about: "Certificate in PEM; self makes one, keeps it in storage, and tells its pin",
            more: [
              "The server's own comes first in the file, then the one that issued it",
              "- reads certificate and key from standard input",
            ],
          },
          key: {
            words: ["same"],
            text: "file",
            default: "same",
            about: "File with the private key; same if it is in the file of the certificate",
            more: ["Others must not be able to read it"],
          },
          port: {
            integer: [0, 65_535],
            default: 65433,
            about: "TCP port for TLS; 0 picks a free one and prints it",
          },
          names: {
            list: "hosts",
            default: [],
            about: "Names and addresses that a certificate of self is for, besides its pin",
          },
        },
      },
      mode: {
        live: true,
        words: ["stateless", "stateful", "dual"],
        default: "dual",
        about: "Requests served: stateless, stateful (with sessions), or dual for both",
      },
      workers: {
        words: ["auto"],
        integer: [1, 64],
        default: 1,
        about: "Threads that serve the port together; auto is one for each core",
        more: [
          "More than one needs Linux; sessions in memory are then in memory that all of them share",
          "Limits count over all of them, but for those of one address and limits.rate",
        ],
      },
      max_connections: {
        live: true,
        integer: [1, 100_000],
        default: 100,
        about: "Connections open at once; one more is told too_many_connections",
      },
      drain_timeout: {
        live: true,
        seconds: [0, 86_400],
        default: 10,
        about: "How long a payload under way may go on after SIGTERM",
        more: ["After that it is cut, and can be resumed"],
      },
      handshake_timeout: {
        live: true,
        seconds: [0.01, 86_400],
        default: 10,
        about: "Time from accept to the first whole header",
      },
      header_timeout: {
        live: true,
        seconds: [0.01, 86_400],
        default: 10,
        about: "Time from a header's first byte to its end",
      },
      proxy_protocol: {
        words: ["off", "v1", "v2", "any"],
        default: "off",
        about: "PROXY protocol versions taken from the load balancers of proxy_allow",
        more: [
          "Their connections must begin with one, and the client it names counts as the client",
        ],
      },
      proxy_allow: {
        list: "networks",
        default: [],
        about: "Load balancers that must say whose connections they forward",
      },
      degrade_above: {
        about: "Above either of these, new sessions give way to stateless service; 0 for never",
        more: ["Clients that allow it are served stateless, others are told to come back"],
        settings: {
          sessions: {
            live: true,
            integer: [0, 10_000_000],
            default: 0,
            about: "Sessions alive, in all servers that share a store",
          },
          event_loop_delay_ms: {
            live: true,
            integer: [0, 60_000],
            default: 0,
            about: "Milliseconds by which the event loop is late, averaged over about a second",
          },
        },
      },
      health_port: {
        words: ["off"],
        integer: [0, 65_535],
        default: "off",
        about: "TCP port for /healthz and /readyz by HTTP, on the same address; 0 picks a free one",
      },
    },
  },
  stateful: {
    about: "Sessions",
    settings: {
      session_timeout: {
        live: true,
        seconds: [0.01, 2_000_000],
        default: 300,
        about: "How long a session outlives its connection; it never expires while one is attached",
      },
      partial_timeout: {
        live: true,
        words: ["auto"],
        seconds: [0.01, 2_000_000],
        default: "auto",
        about: "The same for a session with a file begun, if that is longer",
        more: [
          "auto is 24h, but whoever changes session_timeout changes it for these sessions, too",
          "Until session_timeout such a session keeps its place when another client needs one",
        ],
      },
      max_sessions: {
        live: true,
        integer: [1, 10_000_000],
        default: 50,
        about: "Sessions alive at once",
      },
      persistence: {
        words: ["auto", "memory", "sqlite", "redis"],
        default: "auto",
        about: "Where sessions are remembered: memory, sqlite (a file in storage), or redis",
        more: [
          "auto is sqlite where storage may be read, so that a restart loses none, else memory",
        ],
      },
      keepalive: {
        live: true,
        seconds: [0.01, 86_400],
        default: 30,
        about: "Keep-alive; a connection silent for one and a half times this is closed",
      },
      max_inflight: {
        integer: [1, 1024],
        default: 256,
        about: "Requests a client may have unanswered, and replies a session keeps for retries",
      },
      max_unanswered_bytes: {
        bytes: [8_388_608, 1_073_741_824],
        default: 67_108_864,
        about:
          "Bytes a client far away may have unanswered; after a lost connection it sends them again",
        more: ["They are on the way and in no server's memory"],
      },
      max_upload_size: {
        live: true,
        bytes: [0],
        default: 0,
        about: "The largest file that comes in several requests; 0 for no limit",
      },
      redis_url: {
        text: "redis_url",
        default: "redis://127.0.0.1:6379",
        about: "Redis, Redis Cluster or Sentinel for persistence: redis",
        more: [
          "One server is redis://[user:password@]host[:port][/database]",
          "A Cluster is redis+cluster://[user:password@]host:port,host:port",
          "A master that Sentinels know is redis+sentinel://[user:password@]host:port,host:port/name",
          "User and password are then the master's",
          "rediss instead of redis encrypts every connection",
          "For a certificate authority of your own start Deno with DENO_CERT=ca.pem",
        ],
      },
      sqlite_file: {
        text: "file_name",
        default: "sessions.db",
        about: "Database inside storage for persistence: sqlite",
      },
    },
  },
  stateless: {
    about: "Requests outside sessions",
    settings: {
      request_timeout: {
        live: true,
        seconds: [0.01, 86_400],
        default: 30,
        about: "Time without a payload byte before a request counts as stalled, also in a session",
      },
      max_request_size: {
        live: true,
        bytes: [1],
        default: 10_485_760,
        about: "The largest payload of one request; a session sends a larger file in several",
      },
    },
  },
  storage: {
    about: "Where received files go",
    settings: {
      path: {
        text: "folder",
        default: "./storage",
        about: "Folder for received files; nothing is written outside it",
      },
      state: {
        words: ["off"],
        text: "folder",
        default: "off",
        about: "Folder for the manifest, index, partial files and sessions; off keeps them in path",
        more: [
          "With it, path has received files and nothing else",
          "It should be on the same file system, else partial files stay in path",
        ],
      },
      naming: {
        words: ["session_aware", "simple", "original"],
        default: "session_aware",
        about: "session_aware: a folder for each session; simple: received_<random>.<ext> for all",
        more: ["original: files/<owner>/ with the names and folders that their senders gave them"],
      },
      durability: {
        words: ["process", "data", "durable"],
        default: "process",
        about:
          "What a stored file survives: the death of the process, with data and durable a power cut",
        more: [
          "data flushes contents only; durable also folder entries, the manifest and the store",
        ],
      },
      budget: {
        bytes: [0],
        default: 0,
        about: "Bytes storage may hold in all; 0 for no limit",
      },
      keep: {
        words: ["off"],
        seconds: [1, 3_200_000_000],
        default: "off",
        about: "Files stored longer ago than this are removed, for example after 30d",
      },
      keep_bytes: {
        bytes: [0],
        default: 0,
        about: "While all files take more bytes, the oldest one is removed; 0 for no limit",
      },
    },
  },
  limits: {
    about: "What one client may use up",
    settings: {
      rate: {
        about: "For each client address; off for no limit",
        switchable: true,
        settings: {
          connections_per_second: {
            live: true,
            integer: [1, 1_000_000],
            default: 200,
            about: "Connections a second",
          },
          sessions_per_minute: {
            live: true,
            integer: [1, 1_000_000],
            default: 600,
            about: "Sessions created a minute",
          },
        },
      },
      per_address: {
        about: "What one client address, in IPv6 one /64, may hold; off for no limit of its own",
        more: ["Without these one may hold all, and gives way when others come"],
        settings: {
          connections: {
            live: true,
            words: ["off"],
            integer: [1, 100_000],
            default: "off",
            about: "Connections open at once; each worker counts its own",
          },
          sessions: {
            live: true,
            words: ["off"],
            integer: [1, 10_000_000],
            default: "off",
            about: "Sessions alive at once",
          },
        },
      },
      min_rate: {
        live: true,
        bytes: [0],
        default: 1024,
        about: "Bytes a second a payload must reach over 30 s; 0 for no minimum",
        more: ["It is looked at from the payload's 10th second"],
      },
      session_quota: {
        live: true,
        bytes: [0],
        default: 0,
        about: "Bytes one session may store in all; 0 for no limit",
      },
    },
  },
  security: {
    about: "Who may do what, and who may come back to a session",
    settings: {
      ip_binding: {
        words: ["strict", "prefix", "off"],
        default: "strict",
        about: "Which address may attach again to a session that has no token",
        more: ["strict is the same address, prefix the same /24 or /64 network, off any address"],
      },
      keys: {
        words: ["off"],
        text: "file",
        default: "off",
        about: "File with the users' keys, one a line, mode 0600; - reads them from standard input",
        more: ["`fxfer key new NAME` writes it; a server that may read it follows its changes"],
      },
      mac: {
        words: ["off", "optional", "required"],
        default: "optional",
        about: "Codes that show that a frame is a user's and unchanged",
        more: ["optional is for clients that ask, required for all; required turns version 1 off"],
      },
      anonymous: {
        words: ["auto"],
        list: "rights",
        default: "auto",
        about: "What clients without a key may do: put, get, list, remove; [] for nothing",
        more: [
          "auto is [put] for a server without keys on a loopback address, and else nothing",
          "get, list and remove reach the files of clients without a key, of all of them",
        ],
      },
    },
  },
  versions: {
    about: "The older protocol version",
    settings: {
      v1: {
        live: true,
        words: ["on", "off"],
        default: "on",
        about: "Whether version 1 clients are served",
      },
      v1_ack: {
        words: ["eof", "each", "never"],
        default: "eof",
        about:
          "When version 1 clients are answered: eof (at the end), each (after each file), never",
        more: ["With each, a client that never reads loses files"],
      },
    },
  },
  features: {
    about: "What clients may ask for besides sending files; what is off is not offered (S-FEA-1)",
    settings: {
      fetch: { live: true, words: ["on", "off"], default: "on", about: "Fetching stored files" },
      list: { live: true, words: ["on", "off"], default: "on", about: "Listing stored files" },
      remove: { live: true, words: ["on", "off"], default: "on", about: "Removing stored files" },
    },
  },
  admin: {
    about: "The door for operators, by HTTP: metrics, an interface for programs, a console",
    settings: {
      host: {
        text: "host",
        default: "127.0.0.1",
        about: "Address to listen on",
        more: ["Any but a loopback address needs token_file"],
      },
      port: {
        words: ["off"],
        integer: [0, 65_535],
        default: "off",
        about: "TCP port; off for no door, 0 picks a free one",
        more: ["It answers /healthz and /readyz too, so it may be that of server.health_port"],
      },
      token_file: {
        words: ["none"],
        text: "file",
        default: "none",
        about: "File with the secret that operators show; - for standard input",
        more: ["One line of 16 characters or more"],
      },
      move_key_file: {
        words: ["none"],
        text: "file",
        default: "none",
        about: "File with the secret that servers share between which operators move sessions",
        more: ["32 bytes or more, the same as fxfer session --key-file"],
      },
      tls: {
        words: ["on", "off"],
        default: "off",
        about: "Whether it speaks TLS, with the certificate of server.tls",
        more: ["A new certificate is taken at the next start"],
      },
      names: {
        list: "hosts",
        default: [],
        about: "Names by which browsers reach it, besides localhost and addresses",
        more: [
          "Under any other name it answers nothing, so that no web site can lead a browser to it",
        ],
      },
    },
  },
  hooks: {
    about: "Programs that are told of stored files, or asked before, by HTTP (Standard Webhooks)",
    settings: {
      url: {
        words: ["none"],
        text: "http_url",
        default: "none",
        about: "Where it is told, by POST; needs permission to read the storage folder",
        more: ["Of several servers on one folder, one is given this"],
      },
      secret_file: {
        words: ["none"],
        text: "file",
        default: "none",
        about: "File with the secret that signs: whsec_ and 24 bytes or more in base64",
      },
      give_up_after: {
        seconds: [1, 2_000_000],
        default: 86_400,
        about: "How long a receiver that does not answer is tried again",
      },
      accept: {
        words: ["none"],
        text: "http_url",
        default: "none",
        about:
          "Where it is asked, by POST, before a file is admitted: 2xx admits it, 403 refuses it",
        more: ["A client whose file is refused is answered forbidden"],
      },
      accept_default: {
        words: ["accept", "refuse"],
        default: "refuse",
        about: "What holds where hooks.accept gives no answer within 2 seconds",
      },
    },
  },
  logging: {
    about: "What is logged, to standard error",
    settings: {
      level: {
        live: true,
        words: ["debug", "info", "warn", "error"],
        default: "info",
        about: "Least grave events shown",
      },
      format: {
        words: ["text", "json"],
        default: "text",
        about: "Log lines as text for people, or json: one object a line",
      },
      addresses: {
        words: ["full", "hash", "off"],
        default: "full",
        about: "Client addresses in the log: as they are, as a hash, or not at all",
        more: ["An address has the same hash until the server is started again"],
      },
    },
  },
} as const;
