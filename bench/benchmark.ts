import type { Cores } from './processes/cores.ts';

/** One question, and the run that answers it. */
export interface Benchmark {
  /** As named on the command line. */
  readonly name: string;
  readonly summary: string;
  readonly run: (context: BenchContext) => Promise<Findings>;
}

export interface BenchContext {
  readonly sizes: BenchSizes;
  readonly cores: Cores;
  /** Progress, for people. */
  readonly say: (text: string) => void;
}

/** How much of everything; the flags of the command line. */
export interface BenchSizes {
  /** Turns of each competitor. */
  readonly rounds: number;
  /** Length of a turn of load. */
  readonly seconds: number;
  readonly connections: number;
  /** Different URLs that hits are spread over. */
  readonly urls: number;
  /** Entries in Redis, one measurement each. */
  readonly entries: readonly number[];
  /** Of the large object that is copied. */
  readonly copyMib: number;
  readonly smallObjects: number;
  readonly simultaneous: number;
  readonly waiting: number;
  readonly queuedJobs: number;
}

/** Numbers of one competitor, the median of its turns; units are in the names. */
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
  /** What was not measured, and why; what to keep in mind when reading. */
  readonly notes: readonly string[];
}
