import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { parseConfig } from '../src/index.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FILES = ['standalone', 'production.example'].map((name) =>
  readFileSync(join(ROOT, 'config', `${name}.yaml`), 'utf8'),
);
const ENVIRONMENT = {
  REDIS_URL: 'rediss://user:password@redis.example.com:6379/0',
  ONCALL_TOKEN_SHA256: 'a'.repeat(64),
  CI_TOKEN_SHA256: 'b'.repeat(64),
};

/** Asserts that `text` either loads or is rejected with faults; anything else, such as a TypeError, is a defect. */
function expectAnswer(text: string): void {
  try {
    expect(parseConfig(text, ENVIRONMENT)).toHaveProperty('services');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.faults).not.toHaveLength(0);
    for (const fault of error.faults) {
      expect(fault.found).toMatch(/^.+$/);
      expect(fault.expected).toMatch(/^.+$/);
    }
  }
}

const fragment = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom(
    '\n',
    '  ',
    ': ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '*a',
    '&a ',
    '${',
    '}',
    '"',
    "'",
    '!',
    '|',
    '#',
    '\t',
    '<<: ',
    'null',
  ),
);

test('a file with random edits either loads or is rejected with faults', () => {
  const edit = fc.record({ at: fc.nat(4000), cut: fc.nat(40), insert: fragment });
  fc.assert(
    fc.property(fc.constantFrom(...FILES), fc.array(edit, { minLength: 1, maxLength: 4 }), (file, edits) => {
      const text = edits.reduce((before, { at, cut, insert }) => {
        const start = at % before.length;
        return before.slice(0, start) + insert + before.slice(start + cut);
      }, file);
      expectAnswer(text);
    }),
    { numRuns: 300 },
  );
});

test('a random value at any place either loads or is rejected with faults', () => {
  const paths = [
    'server',
    'admin',
    'sources',
    'entries',
    'queue',
    'services',
    'copier',
    'log',
    'sampleOrigin',
  ];
  const inner = [
    'tokens',
    'allow',
    'timeouts',
    'cluster',
    'regions',
    'serves',
    'health',
    'kind',
    'name',
    's3',
    'local',
  ];
  const base = (): Record<string, unknown> => ({
    server: { publicUrl: 'https://m.example.com' },
    sources: { allow: [{ prefix: 'https://a.example.com/' }] },
    services: { s3: { kind: 's3', regions: { a: { bucket: 'bucket-1' } } } },
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...paths),
      fc.constantFrom('', ...inner),
      fc.jsonValue(),
      (key, below, value) => {
        const config = base();
        config[key] = below === '' ? value : { ...(config[key] as object | undefined), [below]: value };
        expectAnswer(JSON.stringify(config));
      },
    ),
    { numRuns: 500 },
  );
});
