import { parseArgs } from 'node:util';
import { fuzzStandaloneMirror } from '../hostile/fuzzed-mirror.ts';

/*
 * npm run test:fuzz -- --seconds 300 --seed 1
 *
 * Sends generated requests to every route of a standalone mirror on loopback for the given time. The same seed makes the
 * same requests. Exit status 1 if one of them caused an internal error, a crash, or an error in the log.
 */

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new RangeError('--seconds and --seed are numbers');
const report = await fuzzStandaloneMirror({ seed, seconds });
process.stdout.write(`${JSON.stringify({ seed, seconds, ...report }, null, 2)}\n`);
const good =
  report.violations.length === 0 && report.errors.length === 0 && report.alive && report.exit === 0;
process.exitCode = good ? 0 : 1;
