import { describe, expect, test } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { parseConfig } from '../src/index.ts';
import { overrideFromEnvironment, substituteEnvironment } from '@cloud-mirror/config';
import type { Environment } from '@cloud-mirror/config';
import { minimalWith } from './minimal-config.ts';

describe('variables inside values', () => {
  const environment: Environment = { NAME: 'value', EMPTY: '', NESTED: '${NAME}', BRACES: '}{"a": 1' };
  const replaced = (text: string) => substituteEnvironment(text, environment);

  test.each([
    ['${NAME}', 'value'],
    ['a-${NAME}-b-${NAME}', 'a-value-b-value'],
    ['${EMPTY}', ''],
    ['${EMPTY:-other}', 'other'],
    ['${MISSING:-other}', 'other'],
    ['${MISSING:-}', ''],
    ['${MISSING:-redis://localhost:6379/0}', 'redis://localhost:6379/0'],
    ['${NAME:-other}', 'value'],
    ['${NESTED}', '${NAME}'],
    ['${BRACES}', '}{"a": 1'],
    ['$${NAME}', '${NAME}'],
    ['$NAME $ {NAME} {NAME}', '$NAME $ {NAME} {NAME}'],
    ['^https://a/[0-9]{2}$', '^https://a/[0-9]{2}$'],
  ])('%s gives %j', (text, result) => {
    expect(replaced(text)).toMatchObject({ tree: result, faults: [] });
  });

  test('are replaced in every string value of the tree, and nowhere else', () => {
    const tree = { a: ['${NAME}', 1, null, true], '${NAME}': { b: '${NAME}' } };
    const result = substituteEnvironment(tree, environment);
    expect(result.tree).toEqual({ a: ['value', 1, null, true], '${NAME}': { b: 'value' } });
    expect(result.faults).toEqual([]);
    expect([...result.fromEnvironment]).toEqual(['a[0]', '["${NAME}"].b']);
  });

  test.each(['${MISSING}', '${toString}', '${', '${}', '${1A}', '${NAME', '${NAME-x}', '${ NAME }'])(
    '%s is a fault with its path',
    (text) => {
      const { faults } = substituteEnvironment({ a: { b: text } }, environment);
      expect(faults).toMatchObject([{ path: 'a.b' }]);
    },
  );

  test('each missing variable is a separate fault', () => {
    expect(replaced('${ONE}${TWO}').faults.map((fault) => fault.found)).toEqual([
      '${ONE}, but the environment variable ONE is not set',
      '${TWO}, but the environment variable TWO is not set',
    ]);
  });

  test('the key __proto__ is a fault', () => {
    const tree: unknown = JSON.parse('{"server": {"__proto__": {"port": 1}}}');
    expect(substituteEnvironment(tree, {}).faults).toMatchObject([{ path: 'server.__proto__' }]);
  });
});

describe('the type of a value from the environment', () => {
  const load = (path: string, value: string, environment: Environment) =>
    parseConfig(minimalWith(path, value), environment);

  test('is the type that the key requires', () => {
    expect(load('server.port', '${P}', { P: '9000' }).server.port).toBe(9000);
    expect(load('server.port', '${P:-9001}', {}).server.port).toBe(9001);
    expect(load('queue.create', '${C}', { C: 'true' }).queue.create).toBe(true);
    expect(load('entries.keyPrefix', '${K}', { K: '123' }).entries.keyPrefix).toBe('123');
    expect(load('log.level', '${L}', { L: 'debug' }).log.level).toBe('debug');
  });

  test('may be null for a nullable key', () => {
    expect(load('queue.endpoint', '${E:-}', {}).queue.endpoint).toBeNull();
    expect(load('queue.endpoint', '${E:-null}', {}).queue.endpoint).toBeNull();
    expect(load('copier.health', '${E:-null}', {}).copier.health).toBeNull();
  });

  test.each([
    ['server.port', 'eighty', '"eighty"'],
    ['server.port', '', 'an empty string'],
    ['server.port', '0x50', '"0x50"'],
    ['server.port', '99999', '"99999"'],
    ['queue.create', 'yes', '"yes"'],
    ['server.publicUrl', '', 'an empty string'],
  ])('of %s cannot be read from %j', (path, value, found) => {
    try {
      load(path, '${V}', { V: value });
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigError).faults).toMatchObject([{ path, found }]);
    }
  });

  test('is not converted if the file itself contains a string', () => {
    expect(() => load('server.port', '8080', {})).toThrow(ConfigError);
  });
});

describe('PORT and HOST', () => {
  const server = (environment: Environment) =>
    parseConfig(
      minimalWith('server', { publicUrl: 'https://m.example.com', host: '::1', port: 1 }),
      environment,
    ).server;

  test('override the file', () => {
    expect(server({ PORT: '9000', HOST: '127.0.0.1' })).toMatchObject({ host: '127.0.0.1', port: 9000 });
    expect(server({ PORT: '0' })).toMatchObject({ host: '::1', port: 0 });
  });

  test('have no effect if they are empty or not set', () => {
    expect(server({ PORT: '', HOST: '' })).toMatchObject({ host: '::1', port: 1 });
    expect(server({})).toMatchObject({ host: '::1', port: 1 });
  });

  test('create a missing server section, but do not replace one that is not a mapping', () => {
    expect(overrideFromEnvironment({}, { PORT: '1' }, 'server').tree).toEqual({ server: { port: 1 } });
    expect(overrideFromEnvironment({ server: 3 }, { PORT: '1' }, 'server').tree).toEqual({ server: 3 });
  });

  test.each(['http', '65536', '-1', '80 ', '1e3', '0x50'])('PORT %j is a fault', (port) => {
    expect(() => server({ PORT: port })).toThrow(
      /PORT: found .* in the environment; expected a whole number/,
    );
  });

  test('PORT replaces an invalid port in the file', () => {
    expect(parseConfig(minimalWith('server.port', 'x'), { PORT: '5' }).server.port).toBe(5);
  });
});
