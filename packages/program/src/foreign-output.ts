import { format } from 'node:util';
import type { Logger } from './logger.ts';

const METHODS = ['debug', 'log', 'info', 'warn', 'error', 'trace'] as const;
/** A library may repeat a line with every attempt. */
const MOST_LINES = 1_000;
const QUIET_MS = 30_000;

/**
 * Turns what libraries print with `console`, and the warnings of Node, into lines of the log: readers of the log expect
 * JSON on every line, and the logger removes secrets. The same text is logged at most once in 30 seconds.
 */
export function logForeignOutput(logger: Logger): void {
  const printed = new Map<string, number>();
  const isNew = (text: string): boolean => {
    const now = performance.now();
    const last = printed.get(text);
    if (last !== undefined && now - last < QUIET_MS) return false;
    if (printed.size >= MOST_LINES) printed.clear();
    printed.set(text, now);
    return true;
  };
  for (const method of METHODS)
    console[method] = (...values: unknown[]) => {
      const text = format(...values);
      const level = method === 'warn' || method === 'error' ? 'warn' : 'debug';
      if (isNew(text)) logger[level]({ printed: text }, 'a library printed a message');
    };
  // The listener of Node itself prints to standard error.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (isNew(warning.message)) logger.warn({ err: warning }, 'a warning of Node');
  });
}
