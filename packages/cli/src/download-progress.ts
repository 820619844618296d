import { SingleBar } from 'cli-progress';
import { byteSize } from './byte-size.ts';
import type { CommandContext } from './command-context.ts';

/** Shows how far a download is. Disposed of when it ends, however it ends: the terminal is as it was then. */
export interface DownloadProgress extends Disposable {
  update(bytes: number): void;
}

/** A bar on the terminal; nothing where there is none, or it is not wanted. */
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
