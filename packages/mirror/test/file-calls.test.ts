import { expect, test } from 'vitest';
import { shareOfFileCalls } from '../src/file-calls.ts';
import type { PartsConfig } from '../src/program-schemas.ts';

function share(regions: number, threads: string | undefined): { calls: number; warnings: number } {
  const names = Array.from({ length: regions }, (_, index) => [`r${index}`, {}]);
  const local = { kind: 'filesystem', regions: Object.fromEntries(names) as object };
  const services = {
    local,
    s3: { kind: 's3', regions: { a: {}, b: {} } },
  } as unknown as PartsConfig['services'];
  let warnings = 0;
  const logger = { warn: () => void (warnings += 1) };
  return {
    calls: shareOfFileCalls({ services }, { UV_THREADPOOL_SIZE: threads }, logger as never),
    warnings,
  };
}

test.each([
  [1, undefined, 3, 0],
  [2, undefined, 1, 0],
  [3, undefined, 1, 0],
  [4, undefined, 1, 1],
  [1, '16', 15, 0],
  [2, '16', 7, 0],
  [5, '16', 3, 0],
  [20, '16', 1, 1],
  [1, '1', 1, 1],
  [1, '0', 1, 1],
  [1, 'many', 1, 1],
  [1, '100000', 1023, 0],
  [0, undefined, 3, 0],
])('%d back ends and %s threads: %d calls each, %d warnings', (backends, threads, calls, warnings) => {
  expect(share(backends, threads)).toEqual({ calls, warnings });
});
