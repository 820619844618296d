import { SingleBar } from 'cli-progress';
import { escapeDeceptive } from '@cloud-mirror/program/log-lines';
import type { CommandContext } from './command-interface.ts';

/** Makes text from the network safe to print: one line without control, bidirectional and invisible characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
}

/** A JSON text from the network as a line to print. The values in it stay the same. */
export function jsonLine(json: string): string {
  return `${escapeDeceptive(json.trim())}\n`;
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** A human-readable size: `999 B`, `1.5 MiB`. */
export function byteSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}

/** Shows the progress of a download. Disposal restores the terminal, whether or not the download succeeded. */
export interface DownloadProgress extends Disposable {
  update(bytes: number): void;
}

/** Shows a progress bar, if `stderr` is a terminal and the bar is wanted. */
export function showProgress(
  stderr: CommandContext['stderr'],
  options: { readonly wanted: boolean; readonly sizeBytes: number | null },
): DownloadProgress {
  if (!options.wanted || stderr.isTTY !== true) return { update: () => {}, [Symbol.dispose]: () => {} };
  const { sizeBytes } = options;
  const bar = new SingleBar({
    stream: stderr,
    hideCursor: true,
    clearOnComplete: true,
    format: sizeBytes === null ? '{done}' : '[{bar}] {percentage}% | {done} of {size} | {eta_formatted} left',
  });
  bar.start(sizeBytes ?? 0, 0, { done: byteSize(0), size: byteSize(sizeBytes ?? 0) });
  return {
    update: (bytes) => bar.update(bytes, { done: byteSize(bytes) }),
    [Symbol.dispose]: () => bar.stop(),
  };
}
