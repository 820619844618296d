import { expect, test } from 'vitest';
import { createLogger } from '@cloud-mirror/program';
import { openAdapters, parseConfig } from '../src/index.ts';

const logger = createLogger({ level: 'silent', program: 'test', version: '0', destination: { write() {} } });

function configOf(options: { rule?: object; service?: object; region?: object }) {
  return parseConfig(
    JSON.stringify({
      server: { publicUrl: 'https://mirror.example.com' },
      sources: {
        allow: [
          { prefix: 'https://a.test/', query: 'ignore', ...options.rule },
          { prefix: 'https://b.test/', query: 'keep' },
        ],
      },
      entries: { kind: 'memory' },
      queue: { kind: 'memory' },
      services: {
        local: { kind: 'filesystem', ...options.service, regions: { here: options.region ?? {}, there: {} } },
        other: { kind: 'filesystem', directory: 'data/other', regions: { here: {} } },
      },
    }),
    {},
  );
}

test('without a budget there is nothing to ask', async () => {
  await using adapters = await openAdapters(configOf({}), { logger });
  expect(adapters.budgets).toBeNull();
});

const ONE = { budgets: { copiesPerMinute: 1 } };
const A = 'https://a.test/f';
const B = 'https://b.test/f';

test.each([
  [
    'a rule',
    { rule: ONE },
    'sources.allow[0]',
    { 'local/here': false, 'local/there': false, 'other/here': false },
  ],
  [
    'a service',
    { service: ONE },
    'services.local',
    { 'local/here': false, 'local/there': false, 'other/here': true },
  ],
  [
    'a region',
    { region: ONE },
    'services.local.regions.here',
    { 'local/here': false, 'local/there': true, 'other/here': true },
  ],
])('the budget of %s counts the copies of its back ends', async (_, options, path, left) => {
  await using adapters = await openAdapters(configOf(options), { logger });
  const reserve = (name: string, url: string) => {
    const [service = '', region = ''] = name.split('/');
    return adapters.budgets?.reserve({ service, region, url }, 1);
  };
  expect(await reserve('local/here', A)).toBeNull();
  expect(await reserve('local/here', A)).toEqual({ path, budget: 'copiesPerMinute', limit: 1 });
  for (const [name, isLeft] of Object.entries(left)) {
    const exceeded = await reserve(name, A);
    expect(exceeded === null, name).toBe(isLeft);
  }
  // The rule of another source has no budget; that of a service and region counts for every source.
  expect((await reserve('local/here', B)) === null).toBe(path.startsWith('sources'));
});

test('a URL whose query is ignored counts for the rule of the URL without it', async () => {
  await using adapters = await openAdapters(configOf({ rule: ONE }), { logger });
  const reserve = (url: string) => adapters.budgets?.reserve({ service: 'local', region: 'here', url }, 1);
  expect(await reserve(`${A}?v=1`)).toBeNull();
  expect(await reserve(A)).toMatchObject({ path: 'sources.allow[0]' });
});

test.each([
  [{ rule: { budgets: { bytesStored: 1 } } }],
  [{ rule: { budgets: { copiesPerMinute: -1 } } }],
  [{ service: { budgets: { bytesPerDay: 1.5 } } }],
  [{ service: { budgets: { bytesPerDay: '10GB' } } }],
  [{ region: { budgets: { copiesPerHour: 1 } } }],
])('%j is a fault', (options) => {
  expect(() => configOf(options)).toThrow(/budgets/);
});
