/** Runs the command in its arguments and prints its duration, processor time and peak memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpuSeconds, peakResidentMB } from './process-usage.ts';

const LOOK_MS = 10;

const [program = '', ...args] = process.argv.slice(2);
const begun = performance.now();
const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
const pid = child.pid ?? 0;
let cpu = 0;
let peakMB = 0;
// Both values only grow, so the last sample misses only the last moments.
const looking = setInterval(() => {
  void Promise.all([cpuSeconds(pid), peakResidentMB(pid)]).then(
    ([seconds, megabytes]) => {
      cpu = seconds;
      peakMB = megabytes;
    },
    () => undefined,
  );
}, LOOK_MS);
const [code] = (await once(child, 'exit')) as [number | null];
const seconds = (performance.now() - begun) / 1000;
clearInterval(looking);
process.stdout.write(`${JSON.stringify({ seconds, cpu, peakMB })}\n`);
process.exitCode = code ?? 1;
