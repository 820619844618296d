import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLogger } from '@cloud-mirror/program';
import { expect, test } from 'vitest';
import { AccessLog } from '../src/access-log.ts';

const RECORD = { route: 'redirect', outcome: 'hit', service: 's3', region: 'us-west-1' };

function logOf(level: string) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level, program: 'a "program"', version: '1.2.3', destination });
  return { lines, logger, access: new AccessLog(logger) };
}

function logRequest(
  access: AccessLog,
  record: typeof RECORD & { path?: string; host?: string } = RECORD,
  requestId = 'mine',
  { writableFinished = true, headersSent = true } = {},
): void {
  const request = { method: 'GET' } as IncomingMessage;
  const response = { statusCode: 302, writableFinished, headersSent } as ServerResponse;
  access.logRequest(request, response, {
    requestId,
    record: AccessLog.recordOf(record),
    durationMs: 1.23456,
  });
}

test('a line equals the line that the program’s logger would write', () => {
  const { lines, logger, access } = logOf('info');
  logRequest(access);
  logger.info({ requestId: 'mine', method: 'GET', status: 302, durationMs: 1.235, ...RECORD }, 'request');
  const [own, loggers] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect({ ...own, time: '' }).toEqual({ ...loggers, time: '' });
  expect(own?.['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
});

test('the line says that the client disconnected', () => {
  const { lines, access } = logOf('info');
  logRequest(access, RECORD, 'mine', { writableFinished: false });
  logRequest(access, RECORD, 'mine', { writableFinished: false, headersSent: false });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { clientGone: true, status: 302 },
    { clientGone: true, status: null },
  ]);
});

test('no line is written above level info', () => {
  const { lines, access } = logOf('warn');
  logRequest(access);
  expect(lines).toEqual([]);
});

test('queries and credentials of URLs in a record or request id are not logged', () => {
  const { lines, access } = logOf('info');
  const path = '/a/https://user:S3cr3t@host.example/x?sig=S3cr3t"\n/b';
  logRequest(access, { ...RECORD, path, host: 'artifacts.example' }, 'https://user:S3cr3t@host.example/y');
  expect(lines[0]).not.toContain('S3cr3t');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ host: 'artifacts.example', status: 302 });
});

test('characters that change how a line is shown are escaped', () => {
  const { lines, access } = logOf('info');
  const path = '/a\x9b31m\u2028{"level":"fatal"}\u202e';
  logRequest(access, { ...RECORD, path });
  expect(lines[0]).toMatch(/^[\x20-\x7e]*\n$/);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ path });
});
