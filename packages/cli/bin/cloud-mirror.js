#!/usr/bin/env node
// Plain JavaScript that any Node can run. The program itself is TypeScript, which needs Node 24. An older Node starts
// the Node 24 that comes with the installation.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { URL, fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
  await import('../src/main.ts');
} else {
  handOver();
}

function handOver() {
  const node = installedNode();
  if (node === null) {
    console.error(
      `error: cloud-mirror needs Node ${NEEDED_MAJOR} or newer and found ${process.version}; ` +
        'install it, or run npm ci without --omit=optional, which installs Node 24 as well',
    );
    process.exitCode = 2;
    return;
  }
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`error: cannot run ${node}: ${error.message}; run npm ci again`);
    process.exitCode = 2;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function installedNode() {
  try {
    const require = createRequire(import.meta.url);
    return require.resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return null;
  }
}
