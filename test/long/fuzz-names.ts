import { parseArgs } from 'node:util';
import { fuzzDns } from '../hostile/dns-fuzzer.ts';

/*
 * npm run test:fuzz-names -- --seconds 3600 --seed 1
 *
 * Sends noise, damaged queries and sound ones to a name server on loopback for the given time, and forged answers to its own
 * questions. The same seed makes the same messages. Exit status 1 if a reply broke a rule, or the server failed.
 */

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new RangeError('--seconds and --seed are numbers');
const untilMs = performance.now() + seconds * 1000;
const report = await fuzzDns({ seed, messages: Infinity, untilMs });
const memoryMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
process.stdout.write(`${JSON.stringify({ seed, seconds, memoryMiB, ...report }, null, 2)}\n`);
process.exitCode = report.violations.length === 0 && report.errors.length === 0 ? 0 : 1;
