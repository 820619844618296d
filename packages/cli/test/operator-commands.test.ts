import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StatusReport } from '@cloud-mirror/cache-manager';
import type { Entry } from '@cloud-mirror/entry-store';
import { originParameter } from '@cloud-mirror/client';
import { AnsweringServer, json, problem } from './answering-server.ts';
import { commandLine } from '@cloud-mirror/testing/command-line';

const origin = 'https://artifacts.example.com/builds/1/app.tar.gz';
const parameter = originParameter(origin);
const token = 'a-token_of.an-operator';

let server: AnsweringServer;

beforeEach(async () => {
  server = await AnsweringServer.listen();
});

afterEach(() => server[Symbol.asyncDispose]());

const operate = (args: readonly string[], env: Record<string, string> = { CLOUD_MIRROR_TOKEN: token }) =>
  commandLine(args, { env: { CLOUD_MIRROR_URL: server.address, ...env } });

const inOne = ['--service', 's3', '--region', 'us-west-1'];
const inAll = ['--service', 's3', '--region', 'all'];

describe('purge', () => {
  test('sends the token, and reports success', async () => {
    server.on(`/v1/purge/s3/us-west-1/${parameter}`, (_request, response) => {
      response.writeHead(204).end();
    });
    const { status, stdout, stderr } = await operate(['purge', origin, ...inOne]);
    expect(stderr).toBe('');
    expect(stdout.toString()).toBe('s3/us-west-1: purged\n');
    expect(status).toBe(0);
    expect(server.requests[0]?.method).toBe('DELETE');
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
  });

  test('of every region prints each result, and fails if one region failed', async () => {
    const results = [
      { backend: 's3/us-west-1', purged: true, error: null },
      { backend: 's3/eu-central-1', purged: false, error: 'the store cannot be reached' },
    ];
    const answer = { title: 'Service Unavailable', code: 'purge_incomplete', detail: 'not all', results };
    server.on(`/v1/purge/s3/all/${parameter}`, json(503, answer));
    const { status, stdout, stderr } = await operate(['purge', origin, ...inAll]);
    expect(stdout.toString()).toBe(
      's3/us-west-1: purged\ns3/eu-central-1: not purged: the store cannot be reached\n',
    );
    expect(stderr).toBe('error: not purged in s3/eu-central-1; try again, which is safe\n');
    expect(status).toBe(1);
    const raw = await operate(['purge', origin, ...inAll, '--json']);
    expect(JSON.parse(raw.stdout.toString())).toEqual(answer);
    expect(raw.status).toBe(1);
  });

  test('of a URL that was never mirrored says so, in one region and in all', async () => {
    server.on(`/v1/purge/s3/us-west-1/${parameter}`, (_request, response) => {
      response.writeHead(204, { 'Cloud-Mirror-Purged': 'nothing' }).end();
    });
    const results = [
      { backend: 's3/us-west-1', purged: true, error: null },
      { backend: 's3/eu-central-1', purged: true, error: null, found: false },
    ];
    server.on(`/v1/purge/s3/all/${parameter}`, json(200, { results }));
    const one = await operate(['purge', origin, ...inOne]);
    expect(one.stdout.toString()).toMatch(/^s3\/us-west-1: nothing to purge: .* never mirrored here/);
    expect(one.status).toBe(0);
    const all = await operate(['purge', origin, ...inAll]);
    expect(all.stdout.toString()).toMatch(
      /^s3\/us-west-1: purged\ns3\/eu-central-1: nothing to purge: .*\n$/,
    );
    const raw = await operate(['purge', origin, ...inOne, '--json']);
    expect(JSON.parse(raw.stdout.toString())).toEqual({
      results: [{ backend: 's3/us-west-1', purged: true, error: null, found: false }],
    });
  });

  test('of every region succeeds if each region did', async () => {
    const results = [
      { backend: 's3/us-west-1', purged: true, error: null },
      { backend: 's3/eu-central-1', purged: true, error: null },
    ];
    server.on(`/v1/purge/s3/all/${parameter}`, json(200, { results }));
    const { status, stdout } = await operate(['purge', origin, ...inAll]);
    expect(stdout.toString()).toBe('s3/us-west-1: purged\ns3/eu-central-1: purged\n');
    expect(status).toBe(0);
  });

  test('with --json prints JSON even if the response has no body', async () => {
    server.on(`/v1/purge/s3/us-west-1/${parameter}`, (_request, response) => {
      response.writeHead(204).end();
    });
    const { stdout } = await operate(['purge', origin, ...inOne, '--json']);
    expect(JSON.parse(stdout.toString())).toEqual({
      results: [{ backend: 's3/us-west-1', purged: true, error: null }],
    });
  });

  test('that failed says when to try again', async () => {
    server.on(
      `/v1/purge/s3/us-west-1/${parameter}`,
      problem(503, 'store_unavailable', 'the store cannot be reached', { 'retry-after': '5' }),
    );
    const { status, stdout, stderr } = await operate(['purge', origin, ...inOne]);
    expect(stdout).toHaveLength(0);
    expect(stderr).toBe(
      'error: 503 store_unavailable: the store cannot be reached (request id request-7); ' +
        'the call may have had no effect, try again after 5 s\n',
    );
    expect(status).toBe(1);
  });

  test('does not mistake a 200 of another server for success', async () => {
    server.on(`/v1/purge/s3/us-west-1/${parameter}`, json(200, { ok: true }));
    const { status, stderr } = await operate(['purge', origin, ...inOne]);
    expect(stderr).toContain('is it a Cloud Mirror?');
    expect(status).toBe(1);
  });

  test('does not send the token to the target of a redirect', async () => {
    await using other = await AnsweringServer.listen();
    server.on(`/v1/purge/s3/us-west-1/${parameter}`, (_request, response) => {
      response.writeHead(307, { location: `${other.address}/elsewhere` }).end();
    });
    const { status, stderr } = await operate(['purge', origin, ...inOne]);
    expect(stderr).toContain(`answered 307 to ${other.address}/elsewhere; give that front end as --mirror`);
    expect(status).toBe(1);
    expect(other.requests).toEqual([]);
  });
});

describe('the token', () => {
  test('is read from a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-cli-'));
    try {
      const file = join(directory, 'token');
      await writeFile(file, `${token}\n`);
      server.on('/v1/cache', json(200, { forgotten: 0 }));
      expect((await operate(['flush', '--token-file', file], {})).status).toBe(0);
      expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test.each([
    ['is missing', [], {}, 'CLOUD_MIRROR_TOKEN contains no token'],
    ['has two lines', [], { CLOUD_MIRROR_TOKEN: 'secret\nX-Other: 1' }, 'is not a bearer token'],
    ['has no file', ['--token-file', '/nonexistent/token'], {}, 'the token file cannot be read: ENOENT'],
  ])('that %s is a usage error, and no request is sent', async (_, args, env, message) => {
    const { status, stderr } = await operate(['flush', ...args], env);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('secret');
    expect(status).toBe(2);
    expect(server.requests).toEqual([]);
  });

  test('that the mirror refuses is reported', async () => {
    server.on('/v1/cache', problem(401, 'token_unknown', 'no such token', { 'www-authenticate': 'Bearer' }));
    const { status, stderr } = await operate(['flush']);
    expect(stderr).toBe('error: 401 token_unknown: no such token (request id request-7); check the token\n');
    expect(status).toBe(1);
  });
});

describe('flush', () => {
  test.each([
    [[], '/v1/cache', 'forgot 3 entries of every back end\n'],
    [['--service', 's3'], '/v1/cache/s3', 'forgot 3 entries of s3\n'],
    [inOne, '/v1/cache/s3/us-west-1', 'forgot 3 entries of s3/us-west-1\n'],
  ])('with %j calls %s', async (args, path, message) => {
    server.on(path, json(200, { forgotten: 3 }));
    const { status, stdout } = await operate(['flush', ...args]);
    expect(stdout.toString()).toBe(message);
    expect(status).toBe(0);
    expect(server.requests[0]?.method).toBe('DELETE');
  });

  test('of a region without its service sends no request', async () => {
    const { status, stderr } = await operate(['flush', '--region', 'us-west-1']);
    expect(stderr).toContain('give --service as well');
    expect(status).toBe(2);
    expect(server.requests).toEqual([]);
  });
});

describe('status', () => {
  const now = Date.now();
  const failed: Entry = {
    state: 'error',
    token: 't',
    since: now,
    code: 'origin_status',
    cause: 'the origin answered 503',
    stack: 'OriginError: 503\n    at copy',
    originStatus: 503,
    originHost: 'artifacts.example.com',
    originRetryAfterSeconds: 37,
    attempts: 2,
    retryAt: Date.UTC(2030, 0, 1),
    willRetry: true,
  };
  const report: StatusReport = {
    service: 's3',
    region: 'us-west-1',
    url: origin,
    sha256: 'ab'.repeat(32),
    entry: failed,
    ageSeconds: 12.3,
    leaseSeconds: null,
    generation: 'nonce1',
    key: `g/nonce1/${origin}`,
    object: {
      sizeBytes: 1_572_864,
      storedAt: '2029-12-31T00:00:00.000Z',
      expiresAt: null,
      etag: null,
      sha256: null,
    },
    redirect: { to: 'origin', location: origin, why: 'copy_failed' },
    unavailable: [{ part: 'store', cause: 'time limit' }],
  };

  test('is printed line by line', async () => {
    server.on(`/v1/status/s3/us-west-1/${parameter}`, json(200, report));
    const { status, stdout, stderr } = await operate(['status', origin, ...inOne]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(server.requests[0]?.method).toBe('GET');
    for (const line of [
      's3/us-west-1',
      '  redirect       to the origin: copy_failed',
      '  entry          error, for 12 s',
      '  last error     origin_status: the origin answered 503',
      '  next try       2030-01-01T00:00:00.000Z',
      '  Retry-After    37 s, of the origin',
      '  stack          OriginError: 503 at copy',
      '  generation     nonce1 (purged before)',
      '  object         1.5 MiB (1572864 bytes)',
      '  expires at     not stated',
      '  unavailable    store: time limit',
    ])
      expect(stdout.toString().split('\n')).toContain(line);
  });

  test('of every region prints each report', async () => {
    const none: StatusReport = {
      ...report,
      region: 'eu-central-1',
      entry: null,
      object: null,
      generation: null,
      key: null,
    };
    server.on(`/v1/status/s3/all/${parameter}`, json(200, { regions: [report, none] }));
    const { status, stdout } = await operate(['status', origin, ...inAll]);
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(/^s3\/us-west-1\n.*\n\ns3\/eu-central-1\n.* entry {10}none\n/s);
  });

  test('with --json prints the response unchanged', async () => {
    server.on(`/v1/status/s3/us-west-1/${parameter}`, json(200, report));
    const { stdout } = await operate(['status', origin, ...inOne, '--json']);
    expect(JSON.parse(stdout.toString())).toEqual(report);
  });

  test('in a format that this version does not know is an error that suggests --json', async () => {
    server.on(`/v1/status/s3/us-west-1/${parameter}`, json(200, { state: 'fine' }));
    const { status, stderr } = await operate(['status', origin, ...inOne]);
    expect(stderr).toContain('use --json to see it');
    expect(status).toBe(1);
  });
});
