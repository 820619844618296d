import type { Readable } from 'node:stream';
import { escapeDeceptive, lineWriter, withoutQueries, type Logger } from '@cloud-mirror/program';

/** Longer lines are cut, so that a child cannot fill the memory of the fleet. */
const LONGEST_LINE = 64 * 1024;

/** Calls `onLine` for each line that a stream has, until it ends. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) if (line !== '') onLine(line.slice(0, LONGEST_LINE));
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
  stream.on('error', () => undefined);
}

/** Writes the lines of a child into the log of this process, with the id of its instance. */
export function childLog(logger: Logger, app: string, instance: string): (line: string) => void {
  const write = lineWriter(logger);
  return (line) => {
    const fields = logFields(line);
    if (fields === null) logger.info({ app, instance, line }, 'output of an instance');
    else write(`${escapeDeceptive(withoutQueries(JSON.stringify({ ...fields, instance })))}\n`);
  };
}

/** The fields of a line of a program of this project; null for other output. */
function logFields(line: string): Readonly<Record<string, unknown>> | null {
  if (!line.startsWith('{')) return null;
  try {
    const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return typeof fields['level'] === 'string' && typeof fields['time'] === 'string' ? fields : null;
  } catch {
    return null;
  }
}
