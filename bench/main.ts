/** `npm run bench -- [names]`: measures the mirror on this machine and compares it with alternatives. */
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { BenchSizes } from './benchmark.ts';
import { BENCHMARKS } from './catalogue.ts';
import { fillCompileCache } from './mirror/mirror-under-test.ts';
import { layOutCores } from './processes/cores.ts';
import { formatFindings, machineName, writeResult } from './results.ts';

const program = new Command('npm run bench --')
  .description(
    'Measures the mirror. Without names: everything, in about a quarter of an hour on two processors.',
  )
  .argument('[names...]', `which to run: ${BENCHMARKS.map(({ name }) => name).join(', ')}`)
  .option('--rounds <n>', 'turns of each competitor', wholeNumber, 3)
  .option('--seconds <n>', 'length of a turn of load', wholeNumber, 3)
  .option('--connections <n>', 'of a turn of load', wholeNumber, 64)
  .option('--urls <n>', 'number of different URLs of the hits', wholeNumber, 100_000)
  .option(
    '--entries <list>',
    'numbers of entries in Redis, for example 10000,1000000,10000000',
    wholeNumbers,
    [10_000, 1_000_000],
  )
  .option('--copy-mib <n>', 'size of the large object, 5120 for 5 GiB', wholeNumber, 256)
  .option('--small-objects <n>', 'objects of 10 KiB to copy', wholeNumber, 2_000)
  .option('--simultaneous <n>', 'first requests at once', wholeNumber, 1_000)
  .option('--waiting <n>', 'requests that wait at once', wholeNumber, 10_000)
  .option('--queued-jobs <n>', 'jobs in the queue, as 100000', wholeNumber, 5_000)
  .option('--markers <n>', 'purge markers of one back end', wholeNumber, 1_000_000)
  .option('--strangers <n>', 'different URLs that do not exist', wholeNumber, 60_000)
  .option('--results <folder>', 'where the JSON goes', join(import.meta.dirname, 'results'))
  .option('--list', 'say what there is, and end')
  .showHelpAfterError();

program.parse();
const { results, list, ...sizes } = program.opts<BenchSizes & { results: string; list?: boolean }>();
const unknown = program.args.filter((name) => BENCHMARKS.every((one) => one.name !== name));
if (unknown.length > 0) program.error(`there is no benchmark called ${unknown.join(', ')}`);
const chosen = BENCHMARKS.filter(({ name }) => program.args.length === 0 || program.args.includes(name));

if (list === true) for (const { name, summary } of BENCHMARKS) print(`${name}: ${summary}`);
else process.exitCode = await runAll();

async function runAll(): Promise<number> {
  // The benchmarks' servers accept any credentials. With these, the SDK does not ask a cloud's metadata server.
  process.env.AWS_ACCESS_KEY_ID = process.env.AWS_SECRET_ACCESS_KEY = 'test';
  process.env.AWS_EC2_METADATA_DISABLED = 'true';
  const cores = await layOutCores();
  print(machineName());
  if (cores.measured === '')
    print('One processor, or no taskset: nothing is pinned, and the programs compete for processor time.');
  await fillCompileCache();
  let failures = 0;
  for (const { name, summary, run } of chosen) {
    print(`\n${name}: ${summary}`);
    const begun = performance.now();
    const said: string[] = [];
    const say = (text: string): void => {
      said.push(text.trim());
      print(text);
    };
    try {
      const findings = await run({ sizes, cores, say });
      const seconds = Math.round((performance.now() - begun) / 1000);
      print(`\n${formatFindings(findings)}`);
      const about = { benchmark: name, date: new Date().toISOString(), machine: machineName() };
      print(
        `(${seconds} s) ${await writeResult(results, { ...about, cores, sizes, seconds, ...findings, said })}`,
      );
    } catch (error) {
      failures += 1;
      process.stderr.write(
        `${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
    }
  }
  return failures === 0 ? 0 : 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.');
  return Number(text);
}

function wholeNumbers(text: string): number[] {
  return text.split(',').map(wholeNumber);
}
