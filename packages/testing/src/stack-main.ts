/**
 * `npm run stack`: runs a distributed mirror on this machine, for trials: Redis, a server that speaks SQS and S3, a
 * sample origin, a front end, a router, and a copier for each of two regions. Each uses a free port of 127.0.0.1; the
 * configuration is config/local-stack.yaml, and that of the router config/router/local-stack.yaml. Nothing is persisted. Ctrl-C or SIGTERM stops everything.
 */
import { once } from 'node:events';
import { startStack, type Stack } from './stack.ts';

const stopping = new AbortController();
// A terminal and npm may both send the signal, so later ones have no effect.
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
  process.stderr.write(`${dead}: stopping the other parts\n`);
  return 1;
}
