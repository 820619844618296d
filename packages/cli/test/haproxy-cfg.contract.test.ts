import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { commandLine, HAPROXY_CFG } from '@cloud-mirror/testing/command-line';

const TASKS =
  'frontend\t8080\t127.0.0.1:31000\t127.0.0.1:31001\t\ncopier\t \t127.0.0.1\t\nrouter\t9000\tapp.example:1\t\n';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'haproxy-cfg-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Fails with HAProxy's own words unless it accepts the configuration. */
async function checkWithHaproxy(text: string): Promise<void> {
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, text);
  await promisify(execFile)(inject('servers').haproxyPath, ['-c', '-f', file]);
}

async function startTasks(status: number, type: string, body: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`);
    response.writeHead(status, { 'Content-Type': type }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

test.each([
  ['cloud-mirror haproxy-cfg', ['haproxy-cfg'], undefined],
  ['haproxy_cfg', [], HAPROXY_CFG],
])('%s: header and rules are a configuration that HAProxy accepts', async (_, args, launcher) => {
  const options = launcher === undefined ? {} : { launcher };
  const header = await commandLine([...args, 'header'], options);
  const rules = await commandLine([...args, 'rules', '--bind', '127.0.0.2'], { ...options, input: TASKS });
  expect([header.status, rules.status]).toEqual([0, 0]);
  const text = header.stdout.toString() + rules.stdout.toString();
  expect(text.match(/^ *(listen|bind|server) .*$/gm)).toEqual([
    'listen frontend',
    '  bind 127.0.0.2:8080',
    '  server frontend-1 127.0.0.1:31000 check',
    '  server frontend-2 127.0.0.1:31001 check',
    'listen router',
    '  bind 127.0.0.2:9000',
    '  server router-1 app.example:1 check init-addr last,libc,none',
  ]);
  expect(text).not.toMatch(/stats|auth/);
  expect(rules.stderr).toMatch(/^warning: a line is left out: copier has no port.*\n$/);
  await checkWithHaproxy(text);
});

test.each([
  ['haproxy_cfg config HOST:PORT', ['config']],
  ['haproxy_cfg HOST:PORT', []],
])('%s reads /v2/tasks as text', async (_, words) => {
  await using tasks = await startTasks(200, 'text/plain; charset=utf-8', TASKS);
  const { status, stdout } = await commandLine([...words, tasks.address], { launcher: HAPROXY_CFG });
  expect(status).toBe(0);
  expect(tasks.asked).toEqual(['/v2/tasks text/plain']);
  expect(stdout.toString().match(/^listen .*$/gm)).toEqual(['listen frontend', 'listen router']);
  await checkWithHaproxy(stdout.toString());
});

test('config uses the next address if one does not answer', async () => {
  await using broken = await startTasks(503, 'text/plain', 'no leader');
  await using tasks = await startTasks(200, 'text/plain', TASKS);
  const { status, stdout } = await commandLine(['config', broken.address, `http://${tasks.address}/`], {
    launcher: HAPROXY_CFG,
  });
  expect(status).toBe(0);
  expect(stdout.toString()).toContain('listen frontend');
});

test.each([
  ['a status of 503', 503, 'text/plain', 'x', /answered 503/],
  ['JSON', 200, 'application/json', '{}', /no text\/plain/],
])('config writes nothing and fails if the answer is %s', async (_, code, type, body, message) => {
  await using tasks = await startTasks(code, type, body);
  const { status, stdout, stderr } = await commandLine(['config', tasks.address], { launcher: HAPROXY_CFG });
  expect(status).toBe(1);
  expect(stdout).toHaveLength(0);
  expect(stderr).toMatch(message);
});

test.each([
  ['a bind address that is a name', ['rules', '--bind', 'all'], /--bind "all" is not an IP address/],
  ['a bind address with a directive', ['rules', '--bind', '*:80 ssl'], /is not an IP address/],
  ['no address of a fleet', ['config'], /missing required argument/],
  ['an address that is none', ['config', 'a b:1'], /is not HOST:PORT/],
  ['nothing', [], /missing required argument/],
])('wrong usage, %s, has exit status 2', async (_, args, message) => {
  const { status, stdout, stderr } = await commandLine(args, { launcher: HAPROXY_CFG });
  expect(stderr).toMatch(message);
  expect(stdout).toHaveLength(0);
  expect(status).toBe(2);
});
