import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { BenchSizes, Findings, Ratio, Row } from './benchmark.ts';
import type { Cores } from './processes/cores.ts';
import { rounded } from './statistics.ts';

export interface Result extends Findings {
  readonly benchmark: string;
  readonly date: string;
  readonly machine: string;
  readonly cores: Cores;
  readonly sizes: BenchSizes;
  readonly seconds: number;
  /** The progress output: every single turn. */
  readonly said: readonly string[];
}

export function machineName(): string {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${gigabytes} GiB, Linux ${release()}, Node ${process.version}`;
}

/** Writes `<folder>/<benchmark>.json`. @returns the path */
export async function writeResult(folder: string, result: Result): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${result.benchmark}.json`);
  const ratios = result.ratios.map((ratio) => ({ ...ratio, value: rounded(ratio.value) }));
  await writeFile(file, `${JSON.stringify({ ...result, ratios }, null, 2)}\n`);
  return file;
}

/** Formats the results for people: rows with aligned columns, then the ratios with their goals. */
export function formatFindings({ rows, ratios, notes }: Findings): string {
  return [
    ...table(rows),
    ...(ratios.length === 0 ? [] : ['', ...ratios.map(formatRatio)]),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');
}

function table(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const lines = [
    ['', ...columns],
    ...rows.map(({ what, values }) => [what, ...columns.map((column) => String(values[column] ?? ''))]),
  ];
  const widths = ['', ...columns].map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

function formatRatio({ what, value, goal }: Ratio): string {
  const shown = `${what}: ${rounded(value)}`;
  if (goal === undefined) return shown;
  const up = 'atLeast' in goal;
  const needed = up ? goal.atLeast : goal.atMost;
  const met = up ? value >= needed : value <= needed;
  const aimed = up ? value >= goal.aim : value <= goal.aim;
  return `${shown} (${up ? 'at least' : 'at most'} ${needed}, aim ${goal.aim}: ${aimed ? 'as aimed for' : met ? 'met' : 'NOT MET'})`;
}
