import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ADMIN_TOKEN,
  embeddedConfig,
  READER_TOKEN,
  type ConfigObject,
} from '@cloud-mirror/testing/mirror-config';
import { STANDALONE, startProgram, type Program } from '@cloud-mirror/testing/program';

/*
 * The process is killed (SIGKILL) as soon as it has answered an operator's call. The call must have left its trace.
 */

const OBJECT = `local/here/${Buffer.from('https://artifacts.example.com/a.tar').toString('base64url')}`;
/** As in the attack that this test repeats. */
const ROUNDS = 12;
/** Many programs start, one after the other. */
const STARTS = { timeout: 180_000 };

type Line = Readonly<Record<string, unknown>>;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-audit-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function start(overrides: ConfigObject, lines: string[] = []): Promise<Program> {
  const { config } = await embeddedConfig({
    origins: ['https://artifacts.example.com'],
    directory: join(folder, 'objects'),
    overrides,
  });
  return startProgram(STANDALONE, { config, lines: { onLine: (text) => lines.push(text) } });
}

function call(program: Program, method: string, path: string, token: string): Promise<Response> {
  const headers = { Authorization: `Bearer ${token}` };
  return fetch(program.url(path), { method, headers });
}

function auditLines(text: readonly string[]): string[] {
  return text.filter((line) => line.includes('"audit":true'));
}

function expectChain(raw: readonly string[]): void {
  for (const [index, line] of raw.entries()) {
    const before = index === 0 ? null : (raw[index - 1] ?? '');
    const { seq, prev } = JSON.parse(line) as Line;
    expect(seq).toBe(index + 1);
    expect(prev).toBe(before === null ? '0'.repeat(64) : createHash('sha256').update(before).digest('hex'));
  }
}

describe('a process that is killed right after its answer', () => {
  test(
    'has written the begun and the ended line of every call to the file, in one chain',
    STARTS,
    async () => {
      const file = join(folder, 'audit.jsonl');
      for (let round = 0; round < ROUNDS; round += 1) {
        await using program = await start({ audit: { file } });
        expect((await call(program, 'DELETE', `/v1/purge/${OBJECT}`, ADMIN_TOKEN)).status).toBe(204);
        await program.kill();
      }
      const raw = (await readFile(file, 'utf8')).trimEnd().split('\n');
      expectChain(raw);
      expect(raw.map((line) => (JSON.parse(line) as Line)['event'])).toEqual(
        Array.from({ length: ROUNDS }, () => ['begun', 'ended']).flat(),
      );
    },
  );

  test('has written every line to standard output', async () => {
    const lines: string[] = [];
    await using program = await start({}, lines);
    const calls: [method: string, path: string, token: string, status: number][] = [
      ['DELETE', `/v1/purge/${OBJECT}`, ADMIN_TOKEN, 204],
      ['DELETE', '/v1/cache', ADMIN_TOKEN, 200],
      ['GET', `/v1/status/${OBJECT}`, READER_TOKEN, 200],
      ['DELETE', '/v1/cache', READER_TOKEN, 403],
      ['DELETE', '/v1/cache', 'unknown', 401],
      ['DELETE', '/v1/cache/none', ADMIN_TOKEN, 404],
    ];
    for (const [method, path, token, status] of calls)
      expect((await call(program, method, path, token)).status).toBe(status);
    await program.kill();
    const raw = auditLines(lines);
    expectChain(raw);
    expect(raw.map((line) => JSON.parse(line) as Line)).toMatchObject([
      { event: 'begun', call: 'purge', host: 'artifacts.example.com', path: '/a.tar' },
      { event: 'ended', call: 'purge', begunSeq: 1, status: 204, result: 'nothing_found' },
      { event: 'begun', call: 'flush' },
      { event: 'ended', call: 'flush', begunSeq: 3, status: 200, result: 'done' },
      { event: 'read', call: 'status', status: 200, result: 'done' },
      { event: 'refused', call: 'flush', status: 403, result: 'insufficient_scope' },
      { event: 'refused', call: 'flush', status: 401, result: 'token_unknown', operator: null },
      { event: 'refused', call: 'flush', status: 404, result: 'unknown_backend' },
    ]);
  });
});

test('a change that cannot be recorded is refused and not made; redirects and reads go on', async () => {
  const file = join(folder, 'audit.jsonl');
  await using program = await start({ audit: { file } });
  // The file was moved away, and a folder is in its place.
  await rename(file, `${file}.1`);
  await mkdir(file);
  const refused = await call(program, 'DELETE', '/v1/cache', ADMIN_TOKEN);
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'audit_unavailable' });
  expect((await call(program, 'GET', `/v1/status/${OBJECT}`, ADMIN_TOKEN)).status).toBe(200);
  await program.log(({ msg }) => msg === 'an operator call could not be recorded in the audit stream');
  await rm(file, { recursive: true });
  expect((await call(program, 'DELETE', '/v1/cache', ADMIN_TOKEN)).status).toBe(200);
});

test('calls without a valid token are limited, and operators are not kept out', async () => {
  const lines: string[] = [];
  await using program = await start({}, lines);
  const statuses = new Map<number, number>();
  for (let round = 0; round < 10; round += 1)
    await Promise.all(
      Array.from({ length: 60 }, async (_, number) => {
        const { status } = await call(program, 'DELETE', '/v1/cache', `guess-${number}`);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }),
    );
  expect([...statuses.keys()].sort()).toEqual([401, 429]);
  expect((await call(program, 'DELETE', '/v1/cache', ADMIN_TOKEN)).status).toBe(200);
  await program.stop();
  const audited = auditLines(lines).map((line) => JSON.parse(line) as Line);
  expect(audited.filter(({ event }) => event === 'refused')).toHaveLength(statuses.get(401) ?? 0);
});
