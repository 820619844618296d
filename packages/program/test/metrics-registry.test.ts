import { expect, test } from 'vitest';
import { openMetricsRegistry } from '../src/index.ts';

test('has the default metrics, and only counters have names that end in _total', async () => {
  const text = await openMetricsRegistry('prefix_').metrics();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]);
  expect(types).toContainEqual(['prefix_process_cpu_seconds_total', 'counter']);
  expect(types).toContainEqual(['prefix_nodejs_active_handles', 'gauge']);
  expect(types.filter(([name, type]) => name?.endsWith('_total') && type !== 'counter')).toEqual([]);
});
