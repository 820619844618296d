import { ConfigError } from '@cloud-mirror/config';
import type { Fault } from '@cloud-mirror/config';
import type { PartsConfig } from './program-schemas.ts';

/**
 * For programs that do their work together with others: what they share must be outside of their memory. A front end
 * with a queue of its own would wait for copies that nobody makes.
 * @throws ConfigError where entries or jobs are kept in memory
 */
export function requireSharedParts(config: PartsConfig): void {
  const faults: Fault[] = [];
  const remedy = 'for a program that runs apart; the standalone program works with memory';
  if (config.entries.kind === 'memory')
    faults.push({ path: 'entries.kind', found: '"memory"', expected: `redis ${remedy}` });
  if (config.queue.kind === 'memory')
    faults.push({ path: 'queue.kind', found: '"memory"', expected: `sqs ${remedy}` });
  if (faults.length > 0) throw new ConfigError('front end and copier apart', faults);
}
