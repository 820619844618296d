import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandLine } from '@cloud-mirror/testing/command-line';
import { AnsweringServer, json, problem } from './answering-server.ts';

let server: AnsweringServer;
let folder: string;
/** The bodies of the calls to `/`. */
let bodies: string[];

beforeEach(async () => {
  server = await AnsweringServer.listen();
  folder = await mkdtemp(join(tmpdir(), 'test-routes-'));
  bodies = [];
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const routes = (args: readonly string[], env: Record<string, string> = {}) =>
  commandLine(['routes', ...args], { env: { CLOUD_MIRROR_ROUTER: server.address, ...env } });

function takes(headers: Record<string, string> = {}): void {
  server.on('/', (request, response) => {
    void text(request).then((body) => {
      bodies.push(body);
      response.writeHead(200, headers).end();
    });
  });
}

describe('routes list', () => {
  const document = {
    '/': { store: 'local/here', list: true },
    '/b': { s3: { bucket: 'b', endpoint: 'http://127.0.0.1:1', access: '••', secret: '•••' }, write: 'once' },
  };

  test('prints one line for each route, without the secret', async () => {
    server.on('/', json(200, document));
    const { status, stdout, stderr } = await routes(['list']);
    expect(stderr).toBe('');
    expect(stdout.toString()).toBe(
      '/ store local/here, list true\n/b bucket b, at http://127.0.0.1:1, access ••, write "once"\n',
    );
    expect(status).toBe(0);
    expect(server.requests[0]?.headers).toMatchObject({ accept: 'application/json' });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  test('prints the document as JSON, and sends the token', async () => {
    server.on('/', json(200, document));
    const { stdout } = await routes(['list', '--json'], { CLOUD_MIRROR_TOKEN: 'a-token' });
    expect(JSON.parse(stdout.toString())).toEqual(document);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer a-token');
  });

  test('names the remedy for a missing token', async () => {
    server.on('/', problem(401, 'token_missing', 'This call requires a token.'));
    const { status, stderr } = await routes(['list']);
    expect(stderr).toContain('401 token_missing');
    expect(stderr).toContain('CLOUD_MIRROR_TOKEN');
    expect(status).toBe(1);
  });

  test.each([[[]], [['--router', 'localhost']], [['--router', 'ftp://localhost/']]])(
    'needs the URL of a router: %j',
    async (args: readonly string[]) => {
      const { status, stderr } = await routes(['list', ...args], { CLOUD_MIRROR_ROUTER: '' });
      expect(stderr).toContain('router');
      expect(status).toBe(2);
    },
  );
});

describe('routes set and rm', () => {
  test('send the route of a file under its path', async () => {
    takes();
    const file = join(folder, 'route.json');
    await writeFile(file, '{"store":"local/here"}');
    const { status, stdout } = await routes(['set', '/a', file]);
    expect(bodies).toEqual(['{"/a":{"store":"local/here"}}']);
    expect(stdout.toString()).toBe('/a: set\n');
    expect(status).toBe(0);
  });

  test('pass the warning of the router on', async () => {
    takes({ Warning: '199 cloud-mirror "in memory only"' });
    const file = join(folder, 'route.json');
    await writeFile(file, '{"s3":{"bucket":"bucket","access":"a","secret":"s"}}');
    const { status, stderr } = await routes(['set', '/a', file]);
    expect(stderr).toContain('in memory only');
    expect(status).toBe(0);
  });

  test.each([
    ['a file that is not JSON', 'bucket: b'],
    ['no file', null],
  ])('refuse %s without a call', async (_what, content) => {
    const file = join(folder, 'route.json');
    if (content !== null) await writeFile(file, content);
    expect((await routes(['set', '/a', file])).status).toBe(2);
    expect(server.requests).toEqual([]);
  });

  test('remove a route', async () => {
    takes();
    const { status, stdout } = await routes(['rm', '/a']);
    expect(bodies).toEqual(['{"/a":"*delete*"}']);
    expect(stdout.toString()).toBe('/a: removed\n');
    expect(status).toBe(0);
  });
});

describe('routes test', () => {
  const storeAnswers = (status: number, code: string): void => {
    server.on('/a/x%20y/.cloud-mirror-trial', (_request, response) => {
      response.writeHead(307, { location: `${server.address}/bucket/key?X-Amz-Signature=secret` }).end();
    });
    server.on('/bucket/key', (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>${code}</Code></Error>`);
    });
  };

  test('succeeds where the store knows no such key', async () => {
    storeAnswers(404, 'NoSuchKey');
    const { status, stdout, stderr } = await routes(['test', '/a/x y/']);
    expect(stderr).toBe('');
    expect(stdout.toString()).toContain('works');
    expect(status).toBe(0);
  });

  test.each([
    [404, 'NoSuchBucket', 'the bucket does not exist'],
    [403, 'SignatureDoesNotMatch', 'the secret does not belong to the access key'],
  ])('says what a %i %s means', async (code, name, meaning) => {
    storeAnswers(code, name);
    const { status, stderr } = await routes(['test', '/a/x y']);
    expect(stderr).toContain(meaning);
    expect(stderr).not.toContain('Signature=secret');
    expect(status).toBe(1);
  });

  test('passes on why the router does not sign', async () => {
    server.on('/a/.cloud-mirror-trial', problem(403, 'no_route', 'No route has a prefix of this path.'));
    const { status, stderr } = await routes(['test', 'a']);
    expect(stderr).toContain('No route has a prefix of this path.');
    expect(status).toBe(1);
  });
});
