import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startAdministration } from './administration-under-test.ts';
import type { AdministrationUnderTest } from './administration-under-test.ts';

const SEED = { '/': { s3: { bucket: 'a-bucket', access: 'the-access-key', secret: 'the-secret-key' } } };
const JSON_TYPE = { 'Content-Type': 'application/json' };

const send = (
  one: AdministrationUnderTest,
  method: string,
  body: unknown,
  headers: Record<string, string> = JSON_TYPE,
) => one.fetch({ method, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const shown = async (one: AdministrationUnderTest): Promise<unknown> =>
  (await one.fetch({ headers: { Accept: 'application/json' } })).json();

describe('the routes', () => {
  test('are set by POST, masked by GET, and sealed on disk', async () => {
    await using one = await startAdministration();
    const answer = await send(one, 'POST', SEED);
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(await shown(one)).toEqual({
      '/': { s3: { bucket: 'a-bucket', access: '••••••••••••••', secret: '••••••••••••••' } },
    });
    expect(one.routes.table.match('/xyz')?.route.target).toMatchObject({
      credentials: { accessKeyId: 'the-access-key', secretAccessKey: 'the-secret-key' },
    });
    const stored = await Promise.all(
      (await readdir(one.folder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
    );
    expect(stored.length).toBeGreaterThan(0);
    for (const text of [...stored, one.logText()]) expect(text).not.toMatch(/the-access-key|the-secret-key/);
  });

  test('are merged by POST, replaced by PUT, and cleared by DELETE', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', SEED);
    await send(one, 'POST', { 'a//b/': { store: 'local/here' }, '/c': { store: 'local/here' } });
    expect(Object.keys((await shown(one)) as object)).toEqual(['/', '/a/b', '/c']);
    await send(one, 'POST', { '/a/b/': '*delete*', '/never': '*delete*' });
    expect(Object.keys((await shown(one)) as object)).toEqual(['/', '/c']);
    expect((await send(one, 'PUT', { '/d': { store: 'local/here' } })).status).toBe(200);
    expect(await shown(one)).toEqual({ '/d': { store: 'local/here' } });
    expect((await one.fetch({ method: 'DELETE' })).status).toBe(200);
    expect(await shown(one)).toEqual({});
  });
});
