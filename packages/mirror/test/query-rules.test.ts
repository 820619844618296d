import { expect, test } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { configWarnings, parseConfig } from '../src/index.ts';
import { minimalWith } from './minimal-config.ts';

const PREFIX = 'https://artifacts.example.com/builds/';
const configOf = (...rules: object[]) =>
  parseConfig(
    minimalWith(
      'sources.allow',
      rules.map((rule) => ({ prefix: PREFIX, ...rule })),
    ),
    {},
  );

function faultsOf(rule: object): readonly unknown[] {
  try {
    configOf(rule);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

test.each(['keep', 'refuse', 'ignore', ['v'], ['v', 'file name', 'a[b]', 'é']].map((query) => ({ query })))(
  '%j is valid',
  ({ query }) => {
    const config = configOf({ query });
    expect(config.sources.allow[0]?.query).toEqual(query);
    expect(configWarnings(config)).toEqual([]);
  },
);

test.each([
  ['drop', 'sources.allow[0].query'],
  [true, 'sources.allow[0].query'],
  [null, 'sources.allow[0].query'],
  [{ v: 1 }, 'sources.allow[0].query'],
  [[], 'sources.allow[0].query'],
  [['v', 'w', 'v'], 'sources.allow[0].query'],
  [['v', 1], 'sources.allow[0].query'],
  [[''], 'sources.allow[0].query[0]'],
  [['a&b'], 'sources.allow[0].query[0]'],
  [['a=b'], 'sources.allow[0].query[0]'],
  [['x'.repeat(101)], 'sources.allow[0].query[0]'],
])('query: %j is a fault at %s', (query, path) => {
  expect(faultsOf({ query })).toMatchObject([{ path }]);
});

test('each rule that does not set query gives one warning', () => {
  const config = configOf({}, { query: 'keep' }, {});
  expect(configWarnings(config).map(({ path }) => path)).toEqual([
    'sources.allow[0].query',
    'sources.allow[2].query',
  ]);
});

test('a name that is refused as that of a signature gives a warning', () => {
  const query = ['v', 'deploy_token'];
  const [warning, ...others] = configWarnings(configOf({ query }));
  expect(warning).toMatchObject({ path: 'sources.allow[0].query' });
  expect(warning?.message).toContain('deploy_token');
  expect(others).toEqual([]);
  expect(configWarnings(configOf({ query, signedQuery: 'keep' }))).toEqual([]);
});
