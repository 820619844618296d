import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { startStandaloneMirror, type Mirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';

const LAUNCHER = join(PROJECT_ROOT, 'packages', 'cli', 'bin', 'cloud-mirror.js');

describe('the command line against a running mirror', () => {
  const stack = new AsyncDisposableStack();
  let origin: OriginServer;
  let mirror: Mirror;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'command-line-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    origin = stack.use(await startOriginServer());
    const directory = join(folder, 'objects');
    const config = await embeddedConfig({ origins: [origin.baseUrl], directory });
    await writeFile(join(folder, 'mirror.yaml'), JSON.stringify(config.config));
    mirror = stack.use(await startStandaloneMirror(config));
  });
  afterAll(() => stack.disposeAsync());

  const run = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    promisify(execFile)(process.execPath, [LAUNCHER, ...args], {
      timeout: 60_000,
      env: { ...process.env, CLOUD_MIRROR_URL: mirror.frontend.address, CLOUD_MIRROR_TOKEN: ADMIN_TOKEN },
    });
  const there = ['--service', 'local', '--region', 'here'];

  test('get downloads through the mirror and verifies the digest', async () => {
    const path = '/bytes/300000?name=downloaded';
    const file = join(folder, 'artifact');
    const { stderr } = await run('get', origin.url(path), ...there, '-o', file);
    const { sha256 } = origin.bodyOf(path);
    expect(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ).toBe(sha256);
    expect(stderr).toContain('verified');
    expect(origin.count('GET', path)).toBe(1);
  });

  test('url prints an address that the mirror accepts', async () => {
    const { stdout } = await run(
      'url',
      origin.url('/bytes/10'),
      ...there,
      '--mirror',
      mirror.frontend.address,
    );
    expect((await fetch(stdout.trim())).status).toBe(200);
  });

  test('status shows the copy, purge removes it, and flush drops entries', async () => {
    origin.set('operated', Buffer.from('old'));
    const url = origin.url('/mutable/operated');
    const file = join(folder, 'operated');
    await run('get', url, ...there, '-o', file);
    const { stdout } = await run('status', url, ...there, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ entry: { state: 'present' }, object: { sizeBytes: 3 } });
    origin.set('operated', Buffer.from('new'));
    await run('purge', url, ...there);
    await run('get', url, ...there, '-o', file);
    expect(await readFile(file, 'utf8')).toBe('new');
    const flushed = await run('flush', '--json');
    expect((JSON.parse(flushed.stdout) as { forgotten: number }).forgotten).toBeGreaterThan(0);
  });

  test('config check accepts the configuration of the running mirror', async () => {
    const { stdout } = await run('config', 'check', join(folder, 'mirror.yaml'));
    expect(stdout).toMatch(/ok/i);
  });

  test("an origin's 404 is reported, and no file is written", async () => {
    const file = join(folder, 'missing');
    const failed = run('get', origin.url('/status/404'), ...there, '-o', file);
    await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('404') as string });
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
