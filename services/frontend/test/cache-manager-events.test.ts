import { OriginError } from '@cloud-mirror/origin';
import { createLogger } from '@cloud-mirror/program';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { cacheManagerEvents } from '../src/machines/cache-manager-events.ts';

test('an unreachable origin is logged with all causes, once per host, without the query', () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    program: 'test',
    version: '0',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const events = cacheManagerEvents({ backends: new Map(), logger, registry: new Registry() });
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const selfSigned = Object.assign(new Error('self-signed certificate'), {
    code: 'SELF_SIGNED_CERT_IN_CHAIN',
  });
  const cause = new Error('no connection', {
    cause: new AggregateError([refused, selfSigned], 'every address'),
  });
  const error = new OriginError('origin_unreachable', 'origin.test cannot be reached', { cause });
  events.originUnreachable?.('https://origin.test/a/b?sig=secret', error);
  events.originUnreachable?.('https://origin.test/c', error);
  events.originUnreachable?.('https://other.test/', error);
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'warn',
    origin: 'origin.test/a/b',
    err: {
      code: 'origin_unreachable',
      cause: { cause: { errors: [{ code: 'ECONNREFUSED' }, { code: 'SELF_SIGNED_CERT_IN_CHAIN' }] } },
    },
  });
  expect(lines.join()).not.toContain('secret');
});
