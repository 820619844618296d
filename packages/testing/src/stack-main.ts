/**
 * `npm run stack`: the distributed mirror on this machine, for trying things out. Redis, a server that speaks SQS and
 * S3, a sample origin, one front end and a copier for each of two regions, each on a free port of 127.0.0.1 and
 * configured by config/local-stack.yaml. Nothing is kept. Ends everything on Ctrl-C or SIGTERM.
 */
import { once } from 'node:events';
import { startStack, type Stack } from './stack.ts';

const stopping = new AbortController();
// Terminals and npm may both send the signal: the later ones change nothing.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort(name));

process.exitCode = await run();

async function run(): Promise<number> {
  let stack: Stack;
  try {
    stack = await startStack({ onLine: (part, text) => process.stdout.write(`${part} | ${text}\n`) });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  await using _stack = stack;
  process.stdout.write(`\n${stack.manual}\n\n`);
  const signalled = stopping.signal.aborted ? Promise.resolve() : once(stopping.signal, 'abort');
  const dead = await Promise.race([signalled.then(() => null), stack.death]);
  if (dead === null) {
    process.stdout.write('stopping\n');
    return 0;
  }
  process.stderr.write(`${dead}: stopping the others\n`);
  return 1;
}
