import { ConfigError, parseConfig } from '@cloud-mirror/config';
import { expect, test } from 'vitest';
import { COPIER_CONFIG, FRONTEND_CONFIG, STANDALONE_CONFIG } from '../src/index.ts';
import { minimalConfig } from './minimal-config.ts';

const PROGRAMS = { frontend: FRONTEND_CONFIG, copier: COPIER_CONFIG, standalone: STANDALONE_CONFIG };
type ProgramName = keyof typeof PROGRAMS;

function read(program: ProgramName, sections: Record<string, unknown>, environment = {}): unknown {
  const { server, ...common } = minimalConfig();
  const text = JSON.stringify({ ...common, ...(program === 'copier' ? {} : { server }), ...sections });
  return parseConfig<unknown>(PROGRAMS[program].format, text, environment);
}

/** Path and expectation of each fault. */
function faults(program: ProgramName, sections: Record<string, unknown>, environment = {}): string[] {
  try {
    read(program, sections, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ path, expected }) => `${path}: ${expected}`);
  }
}

test('a copier does not need the sections of the front end', () => {
  expect(read('copier', {})).toMatchObject({ server: {}, copier: { concurrency: 16 } });
});

test.each([
  ['frontend', { copier: { concurency: 3 }, sampleOrigin: { port: 'x' } }],
  ['copier', { admin: { tokens: 'x' }, sampleOrigin: 3, server: { prot: 1 } }],
] as const)('a %s does not check the sections of other programs', (program, sections) => {
  expect(faults(program, sections)).toEqual([]);
});

test.each([
  ['frontend', { copier: { serves: ['${NO_SUCH_VARIABLE}'] } }],
  ['copier', { admin: { tokens: [{ sha256: '${NO_SUCH_VARIABLE}' }] } }],
] as const)('a %s does not need the variables in sections of other programs', (program, sections) => {
  expect(faults(program, sections)).toEqual([]);
});

test.each(['frontend', 'copier', 'standalone'] as const)(
  'a %s refuses a section that no program reads',
  (program) => {
    expect(faults(program, { copeir: {}, nonsense: {} })).toEqual([
      expect.stringMatching(/^copeir: one of server, admin, .* \(did you mean "copier"\?\)$/),
      expect.stringMatching(/^nonsense: one of server, admin, /),
    ]);
  },
);

test.each([
  ['frontend', { server: { publicUrl: 'x' } }, 'server.publicUrl'],
  ['copier', { server: { publicUrl: 'x' } }, 'server.publicUrl'],
  ['copier', { copier: { serves: ['s3/nowhere'] } }, 'copier.serves[0]'],
  ['standalone', { copier: { concurency: 3 } }, 'copier.concurency'],
  ['frontend', { entries: { copyingLeaseSeconds: 30 } }, 'queue.visibilityTimeoutSeconds'],
  ['copier', { entries: { copyingLeaseSeconds: 30 } }, 'queue.visibilityTimeoutSeconds'],
] as const)('a %s checks the sections that it reads: %j', (program, sections, path) => {
  expect(faults(program, sections)).toEqual([expect.stringContaining(`${path}: `)]);
});

test('PORT and HOST apply only to programs that listen at the address in the section server', () => {
  const environment = { PORT: '1234', HOST: '127.0.0.7' };
  expect(read('frontend', {}, environment)).toMatchObject({ server: { port: 1234, host: '127.0.0.7' } });
  expect(read('copier', {}, environment)).toMatchObject({ server: {} });
  expect(faults('frontend', {}, { PORT: 'http' })).toHaveLength(1);
  expect(faults('copier', {}, { PORT: 'http' })).toEqual([]);
});

test('a copier reads publicUrl from the section server, if the file has it', () => {
  expect(read('copier', { server: { publicUrl: 'https://mirror.example.com/', port: 8080 } })).toMatchObject({
    server: { publicUrl: 'https://mirror.example.com' },
  });
});
