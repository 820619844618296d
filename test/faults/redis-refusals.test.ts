import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { runProgram, startProgram, COPIER, FRONTEND, type Program } from '@cloud-mirror/testing/program';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import {
  copierConfig,
  distributedConfig,
  WEST,
  type MirrorConfig,
} from '@cloud-mirror/testing/mirror-config';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';

const ROUTER = 'services/router/src/main.ts';
const CLI = 'packages/cli/src/main.ts';
const PASSWORD = 'right-9f2c';
const WRONG = 'wrong-71ab';

/** Protected mode lets loopback in, so it shows only at another address of this machine. */
const OUTSIDE = Object.values(networkInterfaces())
  .flatMap((some) => some ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

interface Refusal {
  readonly word: string;
  readonly args?: readonly string[];
  /** The commands by which an operator has the server refuse. */
  readonly commands: readonly (readonly string[])[];
  readonly url: (port: number) => string;
}

const REFUSALS: readonly Refusal[] = [
  {
    word: 'DENIED',
    args: ['--bind', '127.0.0.1', OUTSIDE ?? '127.0.0.1', '--protected-mode', 'yes'],
    commands: [],
    url: (port) => `redis://${OUTSIDE ?? ''}:${port}`,
  },
  {
    word: 'NOAUTH',
    commands: [['CONFIG', 'SET', 'requirepass', PASSWORD]],
    url: (port) => `redis://127.0.0.1:${port}`,
  },
  {
    word: 'WRONGPASS',
    commands: [['CONFIG', 'SET', 'requirepass', PASSWORD]],
    url: (port) => `redis://:${WRONG}@127.0.0.1:${port}`,
  },
  {
    word: 'NOPERM',
    commands: [
      ['ACL', 'SETUSER', 'mirror', 'on', `>${PASSWORD}`, '~*', '&*', '-@all', '+ping', '+info', '+get'],
    ],
    url: (port) => `redis://mirror:${PASSWORD}@127.0.0.1:${port}`,
  },
];

/** The text of every line of standard output, and of standard error. */
class Output {
  readonly lines: string[] = [];
  readonly options = { onLine: (text: string): void => void this.lines.push(text) };
}

const suite = (word: string) => (word === 'DENIED' && OUTSIDE === undefined ? describe.skip : describe);

for (const refusal of REFUSALS)
  suite(refusal.word)(`a Redis that refuses with ${refusal.word}`, () => {
    const { word } = refusal;
    let server: RedisServer;
    let operator: Redis;
    let mirror: MirrorConfig;
    let state: string;
    let url: string;

    beforeAll(async () => {
      server = await startRedis({ args: refusal.args ?? [] });
      operator = new Redis(server.url);
      for (const [name = '', ...args] of refusal.commands) await operator.call(name, ...args);
      url = refusal.url(server.port);
      const servers = { ...inject('servers'), redisUrl: url };
      mirror = await distributedConfig(servers, { origins: ['http://127.0.0.1:1'] });
      state = await mkdtemp(join(tmpdir(), 'test-refusals-'));
    });
    afterAll(async () => {
      operator.disconnect();
      await server.stop();
      await rm(state, { recursive: true, force: true });
    });

    const programs = (): readonly (readonly [
      name: string,
      script: string,
      config: object,
      part: string,
    ])[] => [
      ['front end', FRONTEND, mirror.config, 'entries'],
      [
        'copier',
        COPIER,
        {
          ...copierConfig(mirror, WEST),
          copier: { serves: [`s3/${WEST}`], health: { host: '127.0.0.1', port: 0 } },
        },
        'entries',
      ],
      [
        'router',
        ROUTER,
        {
          entries: { kind: 'redis', url },
          router: { host: '127.0.0.1', port: 0, health: { host: '127.0.0.1', port: 0 } },
          state: { kind: 'folder', directory: state },
        },
        'registry',
      ],
    ];

    test.each([0, 1, 2])(
      'is named in the log and in /readyz, and only JSON is printed: program %d',
      async (index) => {
        const [, script, config, part] = programs()[index] ?? ['', '', {}, ''];
        const output = new Output();
        await using program: Program = await startProgram(script, { config, lines: output.options });
        const health = (program.ready['health'] as string | undefined) ?? program.address;
        const line = await program.log((entry) => entry['refusal'] === word);
        expect(line).toMatchObject({ level: 'warn' });
        expect(line['msg']).toMatch(new RegExp(`^Redis refuses: ${word}: .*Redis`));
        await eventually(async () => {
          const ready = (await fetchOnWire(`${health}/readyz`)).json() as {
            parts?: Record<string, { detail?: string }>;
          };
          return ready.parts?.[part]?.detail?.startsWith(`${word}: `) === true;
        });
        await program.stop();
        expect(program.logs.filter((entry) => 'raw' in entry)).toEqual([]);
        expect(program.stderr()).toBe('');
        expect(output.lines.join('\n')).not.toMatch(new RegExp(`${PASSWORD}|${WRONG}`));
      },
    );

    test('is named by doctor, with the remedy', async () => {
      const file = join(state, 'doctor.yaml');
      await writeFile(file, JSON.stringify(mirror.config));
      const args = ['doctor', '--json', '--config', file];
      const { stdout, stderr } = await runProgram(CLI, { args });
      const { findings } = JSON.parse(stdout) as { findings: unknown[] };
      for (const part of ['entries', 'registry'])
        expect(findings).toContainEqual({
          part,
          check: 'permitted',
          status: 'failure',
          detail: expect.stringContaining(`Redis refuses: ${word}`) as string,
          remedy: expect.stringMatching(/Redis/) as string,
        });
      expect(stderr).toMatch(/^error: failures: entries, registry[^\n]*$/);
      expect(stdout + stderr).not.toMatch(new RegExp(`${PASSWORD}|${WRONG}`));
    });
  });
