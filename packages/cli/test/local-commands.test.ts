import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rewriteUrl } from '@cloud-mirror/client';
import { SCOPES, parseConfig } from '@cloud-mirror/mirror';
import { commandLine } from '@cloud-mirror/testing/command-line';

const origin = 'https://artifacts.example.com/builds/1/app.tar.gz';
const where = { mirror: 'https://mirror.example.com', service: 's3', region: 'us-west-1' };
const whereOptions = ['--service', where.service, '--region', where.region];

const CONFIG = `
server: { publicUrl: 'https://mirror.example.com' }
sources: { allow: [{ prefix: 'https://artifacts.example.com/builds/', query: refuse }] }
entries: { kind: memory }
queue: { kind: memory }
services: { local: { kind: filesystem, regions: { here: {} } } }
`;

async function withFile<T>(content: string, use: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-cli-'));
  try {
    const file = join(directory, 'mirror.yaml');
    await writeFile(file, content);
    return await use(file);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('audit verify', () => {
  const line = (seq: number, prev: string) =>
    JSON.stringify({ audit: true, chain: 'c', seq, prev, event: 'begun' });
  const first = line(1, '0'.repeat(64));
  const digest = createHash('sha256').update(first).digest('hex');

  test('prints the last number and digest of an unbroken chain', async () => {
    await withFile(`${first}\n`, async (file) => {
      const { status, stdout } = await commandLine(['audit', 'verify', file]);
      expect(stdout.toString()).toBe(
        `1 lines\nlast line: number 1, SHA-256 ${digest}\nbegun and not ended (interrupted, or under way): 1\n`,
      );
      expect(status).toBe(0);
    });
  });

  test('fails if the chain is broken, and if there is no such file', async () => {
    await withFile(`${first}\n${line(2, digest.replaceAll('a', 'b'))}\n`, async (file) => {
      const { status, stdout, stderr } = await commandLine(['audit', 'verify', file]);
      expect(stdout.toString()).toContain('line 2: the line before, number 1, was changed');
      expect(stderr).toContain('is broken');
      expect(status).toBe(1);
      expect((await commandLine(['audit', 'verify', `${file}.none`])).status).toBe(2);
    });
  });
});

describe('url', () => {
  test('prints the same URL as the client package', async () => {
    const { status, stdout } = await commandLine(['url', origin, ...whereOptions, '--mirror', where.mirror]);
    expect(stdout.toString()).toBe(`${rewriteUrl(origin, where)}\n`);
    expect(status).toBe(0);
  });

  test('takes the mirror from the environment, and appends a file name', async () => {
    const env = { CLOUD_MIRROR_URL: where.mirror };
    const own = await commandLine(['url', origin, ...whereOptions, '--file-name'], { env });
    expect(own.stdout.toString()).toBe(`${rewriteUrl(origin, { ...where, fileName: true })}\n`);
    const given = await commandLine(['url', origin, ...whereOptions, '--file-name', 'a.whl'], { env });
    expect(given.stdout.toString()).toBe(`${rewriteUrl(origin, { ...where, fileName: 'a.whl' })}\n`);
  });

  test.each([
    [['url', origin, ...whereOptions], 'give --mirror URL or set CLOUD_MIRROR_URL'],
    [['url', 'ftp://example.com/x', ...whereOptions, '--mirror', where.mirror], 'only https: and http:'],
    [['url', origin, '--mirror', where.mirror], "required option '--service <name>' not specified"],
    [
      ['url', origin, ...whereOptions, '--mirror', 'mirror'],
      'give the public URL of the front end, such as https://',
    ],
    [['get', origin, ...whereOptions, '--sha256', 'abc'], 'Give 64 hexadecimal digits.'],
    [['get', origin, ...whereOptions, '--wait', '-1'], 'Give whole seconds, 0 or more.'],
    [['fetch'], "unknown command 'fetch'"],
  ])('%j is a usage error of one line', async (args, message) => {
    const { status, stdout, stderr } = await commandLine(args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^error: .*\n$/);
    expect(stdout).toHaveLength(0);
    expect(status).toBe(2);
  });
});

test('--help lists the commands, and --version prints the version', async () => {
  const help = await commandLine(['--help']);
  for (const name of ['url', 'get', 'purge', 'flush', 'status', 'config', 'setup', 'token'])
    expect(help.stdout.toString()).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
  expect(help.status).toBe(0);
  const version = await commandLine(['--version']);
  expect(version.stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(version.status).toBe(0);
});

describe('config check', () => {
  test('prints a summary of a valid file', async () => {
    const { status, stdout, stderr } = await withFile(CONFIG, (file) =>
      commandLine(['config', 'check', file]),
    );
    expect(stderr).toBe('');
    expect(stdout.toString()).toMatch(/^OK\n/);
    expect(stdout.toString()).toContain('local/here (filesystem)');
    expect(status).toBe(0);
  });

  test('prints every fault', async () => {
    const faulty = CONFIG.replace('kind: memory }', 'kind: memroy }').replace(
      'server: {',
      'server: { prot: 1,',
    );
    const { status, stdout, stderr } = await withFile(faulty, (file) =>
      commandLine(['config', 'check', file]),
    );
    expect(stderr).toContain('server.prot');
    expect(stderr).toContain('entries.kind');
    expect(stdout).toHaveLength(0);
    expect(status).toBe(2);
  });

  test('--program checks only the sections of that program', async () => {
    const ofCopiers = CONFIG.replace(/^server:.*$/m, '');
    const check = (...args: string[]) =>
      withFile(ofCopiers, (file) => commandLine(['config', 'check', file, ...args]));
    const whole = await check();
    expect(whole.stderr).toContain('server.publicUrl');
    expect(whole.status).toBe(2);
    const copier = await check('--program', 'copier');
    expect(copier.stderr).toBe('');
    expect(copier.stdout.toString()).toMatch(/^OK\n {2}back ends/);
    expect(copier.status).toBe(0);
  });
});

describe('setup', () => {
  test('creates and reports missing parts; a second run finds all in place', async () => {
    await withFile(CONFIG, async (file) => {
      const cwd = dirname(file);
      const first = await commandLine(['setup', '--config', file], { cwd });
      expect(first.stderr).toBe('');
      expect(first.stdout.toString()).toMatch(
        /^local\/here store: .*data\/objects.*\nlocal\/here queue: all in place\n$/,
      );
      expect(first.status).toBe(0);
      expect((await stat(join(cwd, 'data', 'objects', 'here'))).isDirectory()).toBe(true);
      const second = await commandLine(['setup'], { cwd, env: { CLOUD_MIRROR_CONFIG: file } });
      expect(second.stdout.toString()).toBe(
        'local/here store: all in place\nlocal/here queue: all in place\n',
      );
      expect(second.status).toBe(0);
    });
  });

  test('continues after a failure, and reports the failed parts', async () => {
    await withFile(CONFIG.replace('here: {}', 'here: {}, there: {}'), async (file) => {
      const cwd = dirname(file);
      await mkdir(join(cwd, 'data', 'objects'), { recursive: true });
      // A file has the name of the folder to be created.
      await writeFile(join(cwd, 'data', 'objects', 'here'), '');
      const { status, stdout, stderr } = await commandLine(['setup', '--config', file], { cwd });
      expect(stdout.toString()).toMatch(/^local\/here store: failed: /m);
      expect(stdout.toString()).toMatch(/^local\/there store: (?!failed)/m);
      expect(stderr).toMatch(/^error: not set up: local\/here store; /);
      expect(status).toBe(1);
    });
  });

  test('creates nothing if the configuration is invalid', async () => {
    await withFile(CONFIG.replace('kind: memory', 'kind: memroy'), async (file) => {
      const { status, stderr } = await commandLine(['setup', '--config', file], { cwd: dirname(file) });
      expect(stderr).toContain('entries.kind');
      expect(status).toBe(2);
      expect(await readdir(dirname(file))).toEqual(['mirror.yaml']);
    });
  });
});

describe('token new', () => {
  test('prints a token and its line for the configuration', async () => {
    const args = ['token', 'new', '--name', 'on-call.1', '--scopes', SCOPES.join(',')];
    const { status, stdout } = await commandLine(args);
    expect(status).toBe(0);
    const [token = '', line = ''] = stdout.toString().split('\n');
    const sha256 = createHash('sha256').update(token).digest('hex');
    const config = parseConfig(`${CONFIG}admin:\n  tokens:\n    ${line}\n`, {});
    expect(config.admin.tokens).toEqual([{ name: 'on-call.1', sha256, scopes: [...SCOPES] }]);
    const again = await commandLine(args);
    expect(again.stdout.toString()).not.toContain(token);
  });

  test.each([
    ['a b', 'read', 'the name is invalid'],
    ['oncall', 'read,root', 'there is no scope "root"'],
    ['oncall', '', 'there is no scope ""'],
  ])('refuses the name %j with scopes %j', async (name, scopes, message) => {
    const { status, stdout, stderr } = await commandLine([
      'token',
      'new',
      '--name',
      name,
      '--scopes',
      scopes,
    ]);
    expect(stderr).toContain(message);
    expect(stdout).toHaveLength(0);
    expect(status).toBe(2);
  });
});
