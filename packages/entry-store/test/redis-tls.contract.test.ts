import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { claimOf, objectIn } from '@cloud-mirror/entry-store/contract';
import { EntryStoreError } from '../src/entry-store.ts';
import type { RedisAccess, RedisConnection } from '@cloud-mirror/redis';
import { RedisEntryStore } from '../src/redis/redis-entry-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'test-redis-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
}

/** Creates a certificate authority. @returns its certificate, PEM */
function authority(name: string): string {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...files);
  return readFileSync(join(folder, `${name}.pem`), 'utf8');
}

/** Creates `server.pem` and `server.key`, a certificate for 127.0.0.1 and localhost signed by `name`. */
function issuedBy(name: string): void {
  const request = ['-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost'];
  openssl('req', '-newkey', 'rsa:2048', '-nodes', ...request);
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signer = ['-CA', `${name}.pem`, '-CAkey', `${name}.key`, '-CAcreateserial', '-extfile', 'names'];
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', '-days', '2', ...signer);
}

let ca: string;
let stranger: string;
let server: RedisServer;
let port: number;
beforeAll(async () => {
  ca = authority('authority');
  stranger = authority('stranger');
  issuedBy('authority');
  port = await freePort();
  const files = ['--tls-cert-file', 'server.pem', '--tls-key-file', 'server.key', '--tls-ca-cert-file'];
  const paths = [...files, 'authority.pem'].map((part) =>
    part.startsWith('--') ? part : join(folder, part),
  );
  server = await startRedis({ args: ['--tls-port', String(port), '--tls-auth-clients', 'no', ...paths] });
});
afterAll(() => server.stop());

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

function storeAt(connection: RedisConnection): RedisEntryStore {
  return opened.use(
    new RedisEntryStore({ connection, keyPrefix: `test-${randomUUID()}`, commandTimeoutMs: 10_000 }),
  );
}

async function check(connection: RedisConnection): Promise<unknown> {
  return storeAt(connection)
    .check()
    .then(
      () => null,
      (error: unknown) => error,
    );
}

describe('TLS with a configured authority', () => {
  test.each<[name: string, url: () => string]>([
    ['an address', () => `rediss://127.0.0.1:${port}`],
    ['a name', () => `rediss://localhost:${port}`],
    ['host:port', () => `127.0.0.1:${port}`],
  ])('reaches %s', async (_name, url) => {
    const store = storeAt({ url: url(), access: { ca } });
    const heard = Promise.withResolvers<undefined>();
    store.subscribe(() => heard.resolve(undefined));
    await heard.promise;
    expect(await store.claim(objectIn('s3/a'), claimOf('a'))).toMatchObject({ claimed: true });
  });

  test.each<[name: string, access: () => RedisAccess]>([
    ['another authority', () => ({ ca: stranger })],
    ['the authorities of the system', () => ({})],
  ])('refuses the certificate if the client trusts only %s', async (_name, access) => {
    const error = await check({ url: `rediss://127.0.0.1:${port}`, access: access() });
    expect(error).toBeInstanceOf(EntryStoreError);
    expect((error as EntryStoreError).message).toMatch(/certificate/);
  });
});
