import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, parseConfig, port, section, strictMapping, text } from '../src/index.ts';
import type { ConfigFormat } from '../src/index.ts';

/** The format of a program that has nothing to do with the mirror. */
const FORMAT: ConfigFormat<unknown> = {
  schema: strictMapping({
    router: section({ host: z.string().default('127.0.0.1'), port: port().default(9000) }),
    seal: section({ key: text('32 digits', /^\d{32}$/) }),
  }),
  listenSection: 'router',
  otherSections: ['fleet'],
  secretPaths: [/^seal\.key$/],
};
const KEY = '0'.repeat(32);

function faults(content: string, environment = {}): string {
  try {
    parseConfig(FORMAT, content, environment, 'any.yaml');
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

test('reads the sections of its schema and substitutes environment variables', () => {
  const config = parseConfig(FORMAT, 'seal: { key: "${KEY}" }', { KEY, PORT: '9001' });
  expect(config).toEqual({ router: { host: '127.0.0.1', port: 9001 }, seal: { key: KEY } });
});

test('ignores the sections of other programs, whatever they contain', () => {
  expect(faults(`{ seal: { key: "${KEY}" }, fleet: "\${NO_SUCH_VARIABLE}" }`)).toBe('');
});

test('reports every fault with the messages of the schema, and shows no secret', () => {
  const message = faults('{ routr: {}, router: { port: x }, seal: { key: hunter2 } }');
  expect(message).toContain('any.yaml: 3 faults');
  expect(message).toContain(
    'routr: found an unknown key; expected one of router, seal (did you mean "router"?)',
  );
  expect(message).toContain('router.port: found "x"; expected a whole number from 0 to 65535');
  expect(message).toContain('seal.key: found a string of 7 characters (not shown); expected 32 digits');
  expect(message).not.toContain('hunter2');
});

test.each([
  ['12345678', 'a number (not shown) without quotes'],
  ['0x1F', 'a number (not shown) without quotes'],
  ['true', 'a boolean (not shown) without quotes'],
  ['[hunter2]', 'a list of 1'],
  ['{ hunter2: 1 }', 'a mapping'],
])('shows no secret that YAML does not read as a string: %s', (value, found) => {
  expect(faults(`{ seal: { key: ${value} } }`)).toBe(
    `any.yaml: 1 fault in the configuration\n  seal.key: found ${found}; expected 32 digits`,
  );
});
