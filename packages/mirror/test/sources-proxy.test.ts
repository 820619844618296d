import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@cloud-mirror/config';
import { createLogger } from '@cloud-mirror/program';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAdapters, parseConfig } from '../src/index.ts';
import { proxySettings } from '../src/sources-proxy.ts';

const fixtures = new URL('../../origin/test/fixtures/', import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, fixtures), 'utf8');

let folder: string;
let resources: AsyncDisposableStack;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sources-proxy-'));
  resources = new AsyncDisposableStack();
  resources.defer(() => rmSync(folder, { recursive: true }));
});
afterEach(() => resources.disposeAsync());

function parse(sources: Record<string, unknown>, environment: Record<string, string> = {}) {
  const file = {
    server: { publicUrl: 'https://mirror.example.com/' },
    sources: { allow: [{ pattern: '^https?://[a-z.]+:[0-9]+/', tls: 'optional' }], ...sources },
    entries: { kind: 'memory' },
    queue: { kind: 'memory' },
    services: { local: { kind: 'filesystem', directory: folder, regions: { here: {} } } },
  };
  return parseConfig(JSON.stringify(file), environment);
}

function faultsOf(sources: Record<string, unknown>, environment: Record<string, string> = {}): string {
  try {
    parse(sources, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map((fault) => JSON.stringify(fault)).join('\n');
    throw error;
  }
  return '';
}

describe('the proxies for origins', () => {
  const shown = (proxy: string | null, environment: Record<string, string>): (string | null)[] => {
    const { http, https, noProxy } = proxySettings(proxy, environment);
    return [http?.href ?? null, https?.href ?? null, noProxy];
  };
  test.each<[string, string | null, Record<string, string>, (string | null)[]]>([
    ['are null by default', null, {}, [null, null, '']],
    [
      'come from the environment',
      null,
      { HTTPS_PROXY: 'http://a:1', HTTP_PROXY: 'b:2' },
      ['http://b:2/', 'http://a:1/', ''],
    ],
    [
      'prefer the lower-case variable',
      null,
      { https_proxy: 'a:1', HTTPS_PROXY: 'b:2' },
      [null, 'http://a:1/', ''],
    ],
    ['may be set for https only', null, { HTTPS_PROXY: 'a:1' }, [null, 'http://a:1/', '']],
    [
      'ignore empty variables',
      null,
      { https_proxy: '', HTTPS_PROXY: 'b:2', HTTP_PROXY: '' },
      [null, 'http://b:2/', ''],
    ],
    [
      'come from the file first',
      'c:3',
      { HTTPS_PROXY: 'a:1', no_proxy: 'x.test' },
      ['http://c:3/', 'http://c:3/', 'x.test'],
    ],
    [
      'have the exceptions in NO_PROXY',
      null,
      { HTTPS_PROXY: 'a:1', NO_PROXY: 'x.test' },
      [null, 'http://a:1/', 'x.test'],
    ],
  ])('%s', (_, proxy, environment, expected) => {
    expect(shown(proxy, environment)).toEqual(expected);
  });

  test.each<[Record<string, unknown>, Record<string, string>, string, string]>([
    [{ proxy: 'socks5://user:secret@proxy.test' }, {}, 'sources.proxy', 'another kind (socks5:)'],
    [{ proxy: 'http://user:secret@proxy.test/path' }, {}, 'sources.proxy', 'a path'],
    [{ proxy: 3128 }, {}, 'sources.proxy', 'HTTP proxy'],
    [{}, { HTTPS_PROXY: 'socks5://user:secret@proxy.test' }, 'HTTPS_PROXY', 'in the environment'],
    [{}, { http_proxy: 'http://user:secret@' }, 'http_proxy', 'not an address'],
    [{ ca: '/nowhere/ca.pem' }, {}, 'sources.ca', 'does not exist'],
  ])('%j and %j are a fault that names the key and quotes no secret', (sources, environment, path, found) => {
    const faults = faultsOf(sources, environment);
    expect(faults).toContain(`"path":"${path}"`);
    expect(faults).toContain(found);
    expect(faults).not.toContain('secret');
  });

  test('in the environment are not checked if the file sets a proxy', () => {
    expect(faultsOf({ proxy: 'proxy.test:3128' }, { HTTPS_PROXY: 'socks5://proxy.test' })).toBe('');
  });

  test.each([
    ['origin.test.key.pem', 'contains a private key and no certificate'],
    ['README.md', 'contains no certificate'],
  ])('the file %s as sources.ca is a fault', (name, found) => {
    const faults = faultsOf({ ca: new URL(name, fixtures).pathname });
    expect(faults).toContain('sources.ca');
    expect(faults).toContain(found);
  });
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  resources.defer(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

test('reads an origin through a proxy, with a private certificate authority, and logs no secret', async () => {
  const origin = createHttps(
    { key: fixture('origin.test.key.pem'), cert: fixture('issued.cert.pem') },
    (_, response) => response.end('body'),
  );
  const port = await listening(origin);
  const asked: (string | undefined)[] = [];
  const tunnels = new Set<Socket>();
  resources.defer(() => tunnels.forEach((tunnel) => tunnel.destroy()));
  const proxy = createHttp().on('connect', (request, client: Socket) => {
    asked.push(request.url, request.headers['proxy-authorization']);
    const target = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(target).pipe(client);
    });
    for (const socket of [client, target]) tunnels.add(socket.on('error', () => socket.destroy()));
  });
  const proxyPort = await listening(proxy);
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, fixture('authority.cert.pem'));
  const lines: string[] = [];
  const logger = createLogger({
    level: 'trace',
    program: 'test',
    version: '0',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const environment = { HTTPS_PROXY: `http://user:secret@127.0.0.1:${proxyPort}` };
  const adapters = resources.use(await openAdapters(parse({ ca }, environment), { logger, environment }));
  const url = new URL(`https://origin.test:${port}/`);
  await using object = await adapters.origin.open(url);
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.body) chunks.push(Buffer.from(chunk));
  expect(Buffer.concat(chunks).toString()).toBe('body');
  expect(asked).toEqual([`origin.test:${port}`, `Basic ${Buffer.from('user:secret').toString('base64')}`]);
  expect(lines.join()).toContain(`127.0.0.1:${proxyPort}`);
  expect(lines.join()).not.toContain('secret');

  // Without the file the certificate is not trusted.
  const without = resources.use(await openAdapters(parse({}, environment), { logger, environment }));
  await expect(without.origin.open(url)).rejects.toThrow('an authority that the mirror does not trust');
});
