import type { Cores } from './processes/cores.ts';

/** One benchmark. */
export interface Benchmark {
  /** Its name on the command line. */
  readonly name: string;
  readonly summary: string;
  readonly run: (context: BenchContext) => Promise<Findings>;
}

export interface BenchContext {
  readonly sizes: BenchSizes;
  readonly cores: Cores;
  /** Reports progress on the terminal. */
  readonly say: (text: string) => void;
}

/** Sizes of a run: the flags of the command line. */
export interface BenchSizes {
  /** Turns of each competitor. */
  readonly rounds: number;
  /** Length of a turn of load. */
  readonly seconds: number;
  readonly connections: number;
  /** Number of different URLs of the hits. */
  readonly urls: number;
  /** Numbers of entries in Redis; one measurement for each. */
  readonly entries: readonly number[];
  /** Size of the large object that is copied. */
  readonly copyMib: number;
  readonly smallObjects: number;
  readonly simultaneous: number;
  readonly waiting: number;
  readonly queuedJobs: number;
  /** Purge markers of one back end. */
  readonly markers: number;
  /** Different URLs that do not exist. */
  readonly strangers: number;
}

/** The figures of one competitor: medians of its turns, with units in their names. */
export interface Row {
  readonly what: string;
  readonly values: Readonly<Record<string, number | string>>;
}

/** A figure that has a goal. */
export interface Ratio {
  readonly what: string;
  readonly value: number;
  readonly goal?:
    { readonly atLeast: number; readonly aim: number } | { readonly atMost: number; readonly aim: number };
}

export interface Findings {
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
  /** What was not measured and why, and how to read the results. */
  readonly notes: readonly string[];
}
