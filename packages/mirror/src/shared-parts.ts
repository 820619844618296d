import { ConfigError } from '@cloud-mirror/config';
import type { Fault } from '@cloud-mirror/config';
import type { PartsConfig } from './program-schemas.ts';

/**
 * Checks that a program that works together with other processes keeps entries and jobs outside its memory. A front end
 * with a queue in its own memory would wait for copies that no copier makes.
 * @throws ConfigError if entries or jobs are in memory
 */
export function requireSharedParts(config: PartsConfig): void {
  const faults: Fault[] = [];
  const remedy =
    'because a front end and a copier that run as separate processes share no memory; only the standalone program can use memory';
  if (config.entries.kind === 'memory')
    faults.push({ path: 'entries.kind', found: '"memory"', expected: `redis, ${remedy}` });
  if (config.queue.kind === 'memory')
    faults.push({ path: 'queue.kind', found: '"memory"', expected: `sqs, ${remedy}` });
  if (faults.length > 0) throw new ConfigError('separate front end and copier', faults);
}
