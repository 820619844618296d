import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { commandLine, startCommandLine } from '@cloud-mirror/testing/command-line';
import { freePort } from '@cloud-mirror/testing/free-port';
import { embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { ROUTER, runProgram, STANDALONE, startProgram, type Program } from '@cloud-mirror/testing/program';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const TEXT_ETAG = '"1cb251ec0d568de6a929b520c4aed8d1"';
const SSSP = 'services/router/src/sssp-main.ts';

async function curl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', ...args], {
    maxBuffer: 1e8,
    encoding: 'latin1',
  });
  return stdout;
}

describe('a router beside the mirror', () => {
  const stack = new AsyncDisposableStack();
  let folder: string;
  let program: Program;
  let router: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'storage-routes-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const { config } = await embeddedConfig({
      origins: [],
      directory: join(folder, 'objects'),
      overrides: {
        admin: { tokens: [] },
        state: { directory: join(folder, 'state') },
        router: { port: await freePort(), health: null, routesFile: join(folder, 'none.json') },
      },
    });
    program = stack.use(await startProgram(STANDALONE, { config }));
    router = String(program.ready['router']);
  });
  afterAll(() => stack.disposeAsync());

  test('PUT, GET and DELETE by curl, as SSSP announced them', async () => {
    const put = await curl('-ifL', '-X', 'PUT', `${router}/xyz`, '-d', 'text');
    expect(put).toMatch(/^HTTP\/1\.1 307 [^]*HTTP\/1\.1 200 /);
    expect(put).toContain(`ETag: ${TEXT_ETAG}`);
    expect(await curl('-fL', '-X', 'GET', `${router}/xyz`)).toBe('text');
    await curl('-fL', '-X', 'DELETE', `${router}/xyz`);
    expect(await curl('-L', '-o', '/dev/null', '-w', '%{http_code}', `${router}/xyz`)).toBe('404');
  });

  test('a body travels once, with Expect and from a pipe', async () => {
    const file = join(folder, 'three-megabytes');
    const bytes = randomBytes(3_000_000);
    await writeFile(file, bytes);
    const sent = await curl('-fL', '-T', file, `${router}/sent`, '-w', '%{size_upload} %{num_redirects}');
    expect(sent).toBe('3000000 1');
    const piped = promisify(execFile)('sh', ['-c', `cat '${file}' | curl -sSfL -T - '${router}/piped'`]);
    await piped;
    for (const key of ['sent', 'piped'])
      expect(Buffer.from(await curl('-fL', `${router}/${key}`), 'latin1').equals(bytes)).toBe(true);
  });

  test('put and rm of the command line, in one request and in parts', async () => {
    const env = { XDG_CACHE_HOME: join(folder, 'cache') };
    const small = join(folder, 'small');
    await writeFile(small, 'text');
    const put = await commandLine(['put', small, `${router}/cli/small`, '--type', 'text/x-own'], { env });
    expect(put).toMatchObject({ status: 0, stderr: expect.stringContaining(TEXT_ETAG) as string });
    expect(await curl('-fLI', `${router}/cli/small`)).toContain('Content-Type: text/x-own');

    const large = join(folder, 'large');
    const bytes = randomBytes(70_000_000);
    await writeFile(large, bytes);
    const stored = await commandLine(['put', large, `${router}/cli/large`], { env });
    expect(stored).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/etag "[0-9a-f]{32}-5"/) as string,
    });
    expect(Buffer.from(await curl('-fL', `${router}/cli/large`), 'latin1').equals(bytes)).toBe(true);

    expect((await commandLine(['rm', `${router}/cli/large`], { env })).status).toBe(0);
    expect(await curl('-L', '-o', '/dev/null', '-w', '%{http_code}', `${router}/cli/large`)).toBe('404');
  });

  test('an interrupted put is resumed by the same command', async () => {
    const cache = join(folder, 'resumed-cache');
    const env = { XDG_CACHE_HOME: cache };
    const large = join(folder, 'resumed');
    const bytes = randomBytes(70_000_000);
    await writeFile(large, bytes);
    const first = startCommandLine(['put', large, `${router}/cli/resumed`], { env });
    const records = join(cache, 'cloud-mirror', 'uploads');
    await expect.poll(() => readdir(records).catch(() => [])).toHaveLength(1);
    await program.log((line) => line['route'] === 'signed-objects' && line['outcome'] === 'stored');
    first.process.kill('SIGINT');
    expect([0, 130]).toContain((await first.finished).status);
    const again = await commandLine(['put', large, `${router}/cli/resumed`], { env });
    expect(again.status).toBe(0);
    expect(Buffer.from(await curl('-fL', `${router}/cli/resumed`), 'latin1').equals(bytes)).toBe(true);
    expect(await readdir(records)).toEqual([]);
  });

  test('errors of the command line name the fault', async () => {
    const wrong = await commandLine(['put', join(folder, 'none'), `${router}/x`]);
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('cannot be read') as string });
    const noObject = await commandLine(['rm', `${router}/`]);
    expect(noObject).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('address of an object') as string,
    });
    const dots = await commandLine(['rm', `${router}/a%2F..%2Fb`]);
    expect(dots).toMatchObject({ status: 1, stderr: expect.stringContaining('path_malformed') as string });
  });
});

describe('the router as a program', () => {
  test('sssp runs without configuration, reads conf/s3.json and keeps its state in ./state', async () => {
    await using opened = new AsyncDisposableStack();
    const cwd = await mkdtemp(join(tmpdir(), 'sssp-'));
    opened.defer(() => rm(cwd, { recursive: true, force: true }));
    await mkdir(join(cwd, 'conf'));
    const route = { s3: { bucket: 'a-bucket', access: 'the-access-key', secret: 'the-secret-key' } };
    await writeFile(join(cwd, 'conf', 's3.json'), JSON.stringify({ '/from-file': route }));
    const running = startCommandLine(['sssp', '--port', '0'], { cwd });
    opened.defer(() => void running.process.kill('SIGKILL'));
    let output = '';
    running.process.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await expect.poll(() => output).toContain('"msg":"ready"');
    const address = /"address":"([^"]+)"/.exec(output)?.[1] ?? '';
    const json = ['-H', 'Content-Type: application/json', '-d', JSON.stringify({ '/': route })];
    expect(await curl('-i', '-X', 'POST', `${address}/`, ...json)).toMatch(/^HTTP\/1\.1 200 /);
    for (const path of ['/xyz', '/from-file/xyz'])
      expect(await curl('-i', '-X', 'PUT', `${address}${path}`, '-d', 'text')).toContain(
        'Location: https://a-bucket.s3.us-east-1.amazonaws.com/xyz?X-Amz-Algorithm=AWS4-HMAC-SHA256',
      );
    running.process.kill('SIGTERM');
    const { status, stdout, stderr } = await running.finished;
    expect(status).toBe(0);
    expect(await readdir(cwd)).toContain('state');
    expect(stdout.toString() + stderr).not.toContain('the-secret-key');
  });

  test('a faulty port of sssp is exit status 2', async () => {
    const wrong = await runProgram(SSSP, { args: ['sssp', '--port', 'x'] });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('PORT') as string });
  });

  test('a faulty configuration is exit status 2, with every fault', async () => {
    const outcome = await runProgram(ROUTER, {
      config: { router: { ports: 1, readers: 'nobody', sealKey: 'short' } },
    });
    expect(outcome.code).toBe(2);
    for (const path of ['router.ports', 'router.readers', 'router.sealKey'])
      expect(outcome.stderr).toContain(path);
  });

  test('the routes survive a restart, and SIGTERM drains it', async () => {
    await using opened = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'router-program-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const config = {
      state: { directory: join(folder, 'state') },
      router: { port: 0, sealKey: '${ROUTER_SEAL_KEY}', routesFile: join(folder, 'none.json') },
    };
    const env = { ROUTER_SEAL_KEY: Buffer.alloc(32, 9).toString('base64') };
    const body = JSON.stringify({ '/': { s3: { bucket: 'a-bucket', access: 'id', secret: 'the-secret' } } });
    const first = opened.use(await startProgram(ROUTER, { config, env }));
    const posted = await fetch(`${first.address}/`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect(posted.status).toBe(200);
    const health = String(first.ready['health']);
    expect((await fetch(`${health}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${health}/metrics`)).text()).toContain('cloud_mirror_router_requests_total');
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    const second = opened.use(await startProgram(ROUTER, { config, env }));
    const signed = await fetch(`${second.address}/x`, { redirect: 'manual' });
    expect(signed.status).toBe(307);
    expect(signed.headers.get('location')).toContain('a-bucket.s3.us-east-1.amazonaws.com/x?');
    const text = [...first.logs, ...second.logs].map((line) => JSON.stringify(line)).join('\n');
    expect(text).not.toContain('the-secret');
  });

  test('a request under way is answered while the router drains', async () => {
    await using opened = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'router-drain-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const router = { port: 0, routesFile: join(folder, 'none.json') };
    const config = { state: { directory: join(folder, 'state') }, router };
    const program = opened.use(await startProgram(ROUTER, { config }));
    const { hostname, port } = new URL(program.address);
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const body = JSON.stringify({ '/': { s3: { bucket: 'a-bucket' } } });
    socket.write(
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await expect.poll(() => socket.bytesWritten).toBeGreaterThan(0);
    const ended = program.stop();
    await program.log((line) => line.msg === 'draining');
    socket.write(body);
    await closed;
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(await ended).toEqual({ code: 0, signal: null });
  });
});
