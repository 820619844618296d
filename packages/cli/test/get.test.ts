import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rewriteUrl } from '@cloud-mirror/client';
import { AnsweringServer, bytes, found, problem } from './answering-server.ts';
import { commandLine, startCommandLine } from '@cloud-mirror/testing/command-line';
import type { CommandLineOptions } from '@cloud-mirror/testing/command-line';

const artifact = randomBytes(300_000);
const sha256 = createHash('sha256').update(artifact).digest('hex');
const otherSha256 = createHash('sha256').update('something else').digest('hex');
const hit = { 'cache-status': 'cloud-mirror; hit' };

let server: AnsweringServer;
let directory: string;
let origin: string;
let redirectPath: string;

beforeEach(async () => {
  server = await AnsweringServer.listen();
  directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-cli-'));
  origin = `${server.address}/origin/app-1.0.tar.gz`;
  redirectPath = new URL(rewriteUrl(origin, { mirror: server.address, service: 's3', region: 'here' }))
    .pathname;
  server.on('/origin/app-1.0.tar.gz', bytes(artifact));
  server.on('/copy', bytes(artifact));
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const get = (args: readonly string[] = [], options: CommandLineOptions = {}) =>
  commandLine(getArguments(args), { cwd: directory, ...options });

const getArguments = (args: readonly string[]) => [
  'get',
  origin,
  ...['--mirror', server.address, '--service', 's3', '--region', 'here'],
  ...args,
];

const redirectToCopy = (headers: Record<string, string> = {}) =>
  server.on(redirectPath, found(`${server.address}/copy`, { ...hit, ...headers }));

test('a copy is written under the file name of the URL, and verified with the digest that the mirror states', async () => {
  redirectToCopy({ 'cloud-mirror-sha256': sha256 });
  const { status, stdout, stderr } = await get();
  expect(stderr).toBe(
    `app-1.0.tar.gz: 293.0 KiB from the copy in s3/here (it was there); sha256 ${sha256}, verified (stated by the mirror)\n`,
  );
  expect(status).toBe(0);
  expect(stdout).toHaveLength(0);
  expect(await readdir(directory)).toEqual(['app-1.0.tar.gz']);
  expect((await readFile(join(directory, 'app-1.0.tar.gz'))).equals(artifact)).toBe(true);
});

test('a fallback to the origin is reported with the reason that the mirror gives', async () => {
  server.on(redirectPath, found(origin, { 'cache-status': 'cloud-mirror; fwd=miss; detail=wait_over' }));
  const { status, stderr } = await get(['-o', 'out']);
  expect(stderr).toContain('from the origin, not a copy (wait_over)');
  expect(stderr).toContain('not verified: no digest is known');
  expect(status).toBe(0);
  expect((await readFile(join(directory, 'out'))).equals(artifact)).toBe(true);
});

test('a copy made while the client waited is reported as made just now', async () => {
  redirectToCopy({ 'cache-status': 'cloud-mirror; fwd=miss; stored' });
  expect((await get()).stderr).toContain('the copy in s3/here (made just now)');
});

test.each([
  ['the mirror', { 'cloud-mirror-sha256': otherSha256 }, {}, []],
  [
    'Repr-Digest',
    {},
    { 'repr-digest': `sha-256=:${Buffer.from(otherSha256, 'hex').toString('base64')}:` },
    [],
  ],
  ["the copy's metadata", {}, { 'x-amz-meta-sha256': otherSha256 }, []],
  ['--sha256', { 'cloud-mirror-sha256': sha256 }, {}, ['--sha256', otherSha256]],
])('bytes that do not match the digest stated by %s are discarded', async (stater, redirect, copy, args) => {
  redirectToCopy(redirect);
  server.on('/copy', bytes(artifact, copy));
  await writeFile(join(directory, 'app-1.0.tar.gz'), 'what was there before');
  const { status, stderr } = await get(args);
  expect(stderr).toContain(`SHA-256 of the copy is ${sha256}, but ${stater} says ${otherSha256}`);
  expect(status).toBe(1);
  expect(await readdir(directory)).toEqual(['app-1.0.tar.gz']);
  expect(await readFile(join(directory, 'app-1.0.tar.gz'), 'utf8')).toBe('what was there before');
});

test("the user's digest takes precedence over the mirror's", async () => {
  redirectToCopy({ 'cloud-mirror-sha256': otherSha256 });
  const { status, stderr } = await get(['--sha256', sha256.toUpperCase()]);
  expect(stderr).toContain('verified (stated by --sha256)');
  expect(status).toBe(0);
});

test('x-amz-meta-sha256 of an origin is not used as a digest', async () => {
  server.on(redirectPath, found(origin, {}));
  server.on('/origin/app-1.0.tar.gz', bytes(artifact, { 'x-amz-meta-sha256': otherSha256 }));
  const { status, stderr } = await get();
  expect(stderr).toContain('not verified: no digest is known');
  expect(status).toBe(0);
});

test('-o - writes the artifact to standard output, and messages to standard error', async () => {
  redirectToCopy();
  const { status, stdout, stderr } = await get(['-o', '-']);
  expect(status).toBe(0);
  expect(stdout.equals(artifact)).toBe(true);
  expect(stderr).toMatch(/^standard output: /);
  expect(await readdir(directory)).toEqual([]);
});

test('a URL without a file name is an error that asks for -o FILE', async () => {
  origin = `${server.address}/builds/`;
  const { status, stderr } = await get();
  expect(stderr).toContain('give one as -o FILE');
  expect(status).toBe(2);
  expect(server.requests).toEqual([]);
});

test('redirects of a copy are followed, and no request has credentials', async () => {
  redirectToCopy();
  server.on('/copy', found('/moved?X-Amz-Signature=abc', {}));
  server.on('/moved', bytes(artifact));
  const { status } = await get([], { env: { CLOUD_MIRROR_TOKEN: 'operator-token' } });
  expect(status).toBe(0);
  expect(server.requests.map(({ url }) => url)).toEqual([
    redirectPath,
    '/copy',
    '/moved?X-Amz-Signature=abc',
  ]);
  for (const { headers } of server.requests) {
    expect(headers.authorization).toBeUndefined();
    expect(headers.cookie).toBeUndefined();
  }
});

test('an encoded body is not decoded', async () => {
  redirectToCopy({ 'cloud-mirror-sha256': sha256 });
  server.on('/copy', bytes(artifact, { 'content-encoding': 'gzip' }));
  expect((await get()).status).toBe(0);
  expect((await readFile(join(directory, 'app-1.0.tar.gz'))).equals(artifact)).toBe(true);
});

test('if the copy is gone, the mirror is asked to revalidate once', async () => {
  server.on(redirectPath, (request, response, itself) => {
    const location = request.headers['cache-control'] === 'no-cache' ? '/copy' : '/gone';
    found(`${server.address}${location}`, hit)(request, response, itself);
  });
  server.on('/gone', problem(404, 'none', 'none'));
  const { status, stderr } = await get();
  expect(stderr).toContain('from the copy');
  expect(status).toBe(0);
  expect(server.requests.filter(({ url }) => url === redirectPath)).toHaveLength(2);
});

test('a copy that is still gone after revalidation is a failure', async () => {
  redirectToCopy();
  server.on('/copy', problem(404, 'none', 'none'));
  const { status, stderr } = await get();
  expect(stderr).toMatch(/^error: the copy at 127\.0\.0\.1:\d+ answered 404; try again/);
  expect(status).toBe(1);
  expect(server.requests.filter(({ url }) => url === '/copy')).toHaveLength(2);
  expect(await readdir(directory)).toEqual([]);
});

test('--wait is sent as Prefer: wait', async () => {
  redirectToCopy();
  await get(['--wait', '3']);
  expect(server.requests[0]?.headers['prefer']).toBe('wait=3');
});

test('without --wait no Prefer is sent', async () => {
  redirectToCopy();
  await get();
  expect(server.requests[0]?.headers['prefer']).toBeUndefined();
});

test('a problem of the mirror is reported with its code, detail and request id', async () => {
  server.on(redirectPath, problem(403, 'source_not_allowed', 'this URL\u001b[31m is\nnot allowed'));
  const { status, stderr } = await get();
  expect(stderr).toBe(
    'error: the mirror answered 403 source_not_allowed: this URL [31m is not allowed (request id request-7)\n',
  );
  expect(status).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

test('a response that is not a redirect is not mistaken for the artifact', async () => {
  server.on(redirectPath, bytes(Buffer.from('<html>welcome</html>')));
  const { status, stderr } = await get();
  expect(stderr).toContain('the mirror answered 200, not a redirect; check --mirror');
  expect(status).toBe(1);
});

test('the error for a front end that has moved names the new address', async () => {
  server.on(redirectPath, (_request, response) => {
    response.writeHead(301, { location: 'https://mirror.example.com/' }).end();
  });
  const { status, stderr } = await get();
  expect(stderr).toContain('answered 301 to https://mirror.example.com/; give that front end as --mirror');
  expect(status).toBe(1);
});

test.each([
  ['its stated length', { 'content-length': `${artifact.length}` }],
  ['the end of its chunks', { 'transfer-encoding': 'chunked' }],
])('a body that is cut before %s leaves no file', async (_, headers) => {
  redirectToCopy();
  server.on('/copy', (_request, response) => {
    response.writeHead(200, headers);
    response.write(artifact.subarray(0, 100_000), () => response.socket?.destroy());
  });
  const { status, stderr } = await get();
  expect(stderr).toMatch(
    /^error: 127\.0\.0\.1:\d+: .*; check the address and the network, then try again\n$/,
  );
  expect(status).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

test('a body that stops arriving exceeds the idle limit', async () => {
  redirectToCopy();
  server.on('/copy', (_request, response) => {
    response.writeHead(200, { 'content-length': `${artifact.length}` });
    response.write(artifact.subarray(0, 1000));
  });
  const { status, stderr } = await get(['--idle-timeout', '1']);
  expect(stderr).toContain('the answer stopped arriving');
  expect(status).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

test('a mirror that does not answer exceeds the time limit', async () => {
  server.on(redirectPath, () => {});
  const { status, stderr } = await get(['--idle-timeout', '1', '--wait', '0']);
  expect(stderr).toContain('no answer within the time limit');
  expect(status).toBe(1);
});

test('the error for an unreachable mirror names its host', async () => {
  const closed = await AnsweringServer.listen();
  const { address } = closed;
  await closed[Symbol.asyncDispose]();
  const { status, stderr } = await get(['--mirror', address]);
  expect(stderr).toContain(`${new URL(address).host}: the connection was refused`);
  expect(status).toBe(1);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s removes the temporary file', async (signal) => {
  redirectToCopy();
  const { promise: copyRequested, resolve } = Promise.withResolvers<void>();
  server.on('/copy', (_request, response) => {
    response.writeHead(200, { 'content-length': `${artifact.length}` });
    response.write(artifact.subarray(0, 1000), () => resolve());
  });
  const running = startCommandLine(getArguments([]), { cwd: directory });
  await copyRequested;
  expect(await readdir(directory)).toEqual([expect.stringMatching(/^\.app-1\.0\.tar\.gz\..*\.part$/)]);
  running.process.kill(signal);
  const { status, stderr } = await running.finished;
  expect(stderr).toBe(`error: interrupted by ${signal}\n`);
  expect(status).toBe(signal === 'SIGINT' ? 130 : 143);
  expect(await readdir(directory)).toEqual([]);
});

test('a path that is not a regular file is written to, and not replaced', async () => {
  redirectToCopy();
  expect((await get(['-o', '/dev/null'])).status).toBe(0);
  const { status, stderr } = await get(['-o', directory]);
  expect(stderr).toContain('is a directory; give a file as -o FILE');
  expect(status).toBe(2);
});

test('a full disk is reported', async () => {
  redirectToCopy();
  const { status, stderr } = await get(['-o', '/dev/full']);
  expect(stderr).toContain('the disk is full');
  expect(status).toBe(1);
});

test('a missing folder is a usage error', async () => {
  redirectToCopy();
  const { status, stderr } = await get(['-o', 'missing/file']);
  expect(stderr).toMatch(/^error: cannot write to missing\/file: ENOENT/);
  expect(status).toBe(2);
});
