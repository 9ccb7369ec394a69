/** What an experiment is, what it works with, and what it finds. @module */

/** How a server under test is to be started. */
export interface ServerPlan {
  /** Where sessions are kept. @default {"memory"} */
  readonly store?: "memory" | "sqlite" | "redis";
  /** Starts on the folder of another server: after its end, or beside it. */
  readonly folder?: string;
  /** The port; default a free one. */
  readonly port?: number;
  /** Further settings, by their paths. */
  readonly set?: Readonly<Record<string, string | number>>;
}

/** A running server under test, in a process of its own. */
export interface Subject extends AsyncDisposable {
  readonly port: number;
  /** Its folder; see {@linkcode ServerPlan.folder}. */
  readonly folder: string;
  /** Processor time used so far, in milliseconds; undefined where the system does not say it. */
  cpuMs(): Promise<number | undefined>;
  /** Memory in use, in bytes; undefined where the system does not say it. */
  memory(): Promise<number | undefined>;
  /** The names of the files that are stored, one for each time. */
  storedNames(): Promise<string[]>;
  /** Ends it at once, without a word (SIGKILL). */
  kill(): Promise<void>;
  /** Makes it stand still (SIGSTOP). */
  freeze(): void;
}

/** What an experiment works with. */
export interface Bench {
  /** Whether there is little time: fewer points and smaller files. */
  readonly quick: boolean;
  /** Where all randomness begins. */
  readonly seed: number;
  /** Whether a Redis server can be started here. */
  readonly hasRedis: boolean;
  /** Starts a server. */
  start(plan?: ServerPlan): Promise<Subject>;
  /** Lets a Redis fail over: the old one dies, its replica takes over at the same address. */
  failOver(): Promise<void>;
  /** Says what is being done, in a few words. */
  note(text: string): void;
}

/** An axis of a plot. */
export interface Axis {
  /** What it shows, with its unit in brackets. */
  readonly name: string;
  /** @default {"linear"} */
  readonly scale?: "linear" | "log";
}

/** One line, or one colour of bars. */
export interface Series {
  readonly name: string;
  /** A value for each category of the plot; null where there is none. */
  readonly values: readonly (number | null)[];
}

/** A plot: values over a few named points. */
export interface Plot {
  readonly title: string;
  readonly kind: "line" | "bar" | "stack";
  /** What the categories are. */
  readonly x: string;
  readonly categories: readonly string[];
  readonly y: Axis;
  readonly series: readonly Series[];
  /** What a missing value means, such as "never ends". */
  readonly missing?: string;
}

/** One measurement, as it stands in the CSV: each row of an experiment has the same names. */
export type Measurement = Readonly<Record<string, string | number | null>>;

/** What an experiment has found. */
export interface Findings {
  readonly plots: readonly Plot[];
  /** What to conclude from the figures, in sentences that name them. */
  readonly conclusions: readonly string[];
  /** All that was measured. */
  readonly measurements: readonly Measurement[];
  /** For the last page: in which case which way is the better one here, and by which figure. */
  readonly advice?: readonly string[];
}

/** One experiment. */
export interface Experiment {
  /** One word, by which it is run alone. */
  readonly name: string;
  readonly title: string;
  readonly question: string;
  /** How it is measured, so that a reader can repeat it. */
  readonly method: string;
  run(bench: Bench): Promise<Findings>;
}
