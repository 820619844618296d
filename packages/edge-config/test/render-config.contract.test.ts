import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { renderHaproxyConfig } from '@cloud-mirror/edge-config';
import type { Instance } from '@cloud-mirror/registry/instance';
import { instanceOf, SETTINGS } from './instances.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'haproxy-render-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Fails with HAProxy's own words unless it accepts the configuration without a warning. */
async function checkWithHaproxy(instances: readonly Instance[], templates = new Map<string, string>()) {
  const { text, faults } = renderHaproxyConfig(instances, templates, SETTINGS);
  expect(faults).toEqual([]);
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, text);
  const { stderr } = await promisify(execFile)(inject('servers').haproxyPath, ['-c', '-f', file]);
  expect(stderr).not.toMatch(/WARNING/);
}

const BALANCES = ['roundrobin', 'leastconn', 'random', 'source', 'uri'];
const MODES = ['http', 'tcp'];

test('HAProxy accepts every combination of mode, balance and stickiness, in HTTP with host names and paths', async () => {
  const labels = MODES.flatMap((mode) =>
    BALANCES.filter((balance) => mode === 'http' || balance !== 'uri').flatMap((balance) =>
      ['true', 'false'].map((sticky) => ({ mode, balance, sticky })),
    ),
  );
  const instances = labels.flatMap(({ mode, balance, sticky }, index) =>
    ['127.0.0.1', '::1'].map((host, of) =>
      instanceOf({
        app: `app-${index}`,
        id: `i${index}-${of}`,
        host,
        labels: {
          HAPROXY_0_PORT: String(20_000 + index),
          HAPROXY_0_MODE: mode,
          HAPROXY_0_BALANCE: balance,
          HAPROXY_0_STICKY: sticky,
          HAPROXY_0_BIND_ADDR: index % 2 === 0 ? '*' : '::1',
          ...(mode === 'http' && {
            HAPROXY_0_VHOST: `h${index}.example,www.h.example`,
            HAPROXY_0_PATH: `/p${index}`,
          }),
        },
      }),
    ),
  );
  await checkWithHaproxy(instances);
});

test('HAProxy accepts certificates and redirects to HTTPS', async () => {
  const certificate = join(directory, 'cert.pem');
  const subject = ['-subj', '/CN=h.example', '-days', '1', '-nodes'];
  const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'crt.pem')];
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, ...files]);
  await promisify(execFile)('sh', ['-c', 'cat crt.pem key.pem > cert.pem'], { cwd: directory });
  const labels = {
    HAPROXY_0_VHOST: 'h.example',
    HAPROXY_0_SSL_CERT: certificate,
    HAPROXY_0_REDIRECT_TO_HTTPS: 'true',
  };
  await checkWithHaproxy([
    instanceOf({ app: 'a', id: '1', labels }),
    instanceOf({ app: 'b', id: '2', labels: { HAPROXY_0_PORT: '20001', HAPROXY_0_SSL_CERT: certificate } }),
  ]);
});

test('HAProxy accepts no apps at all, with and without templates', async () => {
  await checkWithHaproxy([]);
  await checkWithHaproxy(
    [],
    new Map([
      [
        'HAPROXY_HEAD',
        'global\n  daemon\ndefaults\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n',
      ],
      ['HAPROXY_HTTP_FRONTEND_HEAD', 'frontend web\n  mode http\n'],
      ['stats', 'listen stats\n  bind 127.0.0.1:20009\n  mode http\n  stats enable\n'],
    ]),
  );
});

test('HAProxy starts although the name of an instance is unknown at that moment', async () => {
  const { text } = renderHaproxyConfig(
    [instanceOf({ app: 'a', id: '1', host: 'nowhere.invalid' })],
    new Map(),
    SETTINGS,
  );
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, text);
  await promisify(execFile)(inject('servers').haproxyPath, ['-c', '-f', file]);
});
