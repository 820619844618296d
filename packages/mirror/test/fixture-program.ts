/*
 * A small program for the tests of runProgram. Its environment says what it does at start and during the drain. It
 * listens on a TCP port, which keeps it alive until it is stopped.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadConfig, requireSharedParts, STANDALONE_CONFIG } from '../src/index.ts';
import { runProgram } from '@cloud-mirror/program';
import type { Config } from '../src/index.ts';
import type { ProgramContext, RunningProgram } from '@cloud-mirror/program';

await runProgram({
  name: 'cloud-mirror-fixture',
  description: 'Listens and does nothing.',
  variables: STANDALONE_CONFIG.variables,
  listenKeys: STANDALONE_CONFIG.listenKeys,
  async load(file, environment) {
    const config = await loadConfig(file, environment);
    return { config, logLevel: config.log.level, drainSeconds: config.server.drainSeconds };
  },
  start,
});

async function start({ config, logger, signal }: ProgramContext<Config>): Promise<RunningProgram> {
  const mode = process.env.FIXTURE_MODE ?? '';
  if (mode === 'apart') requireSharedParts(config);
  if (mode === 'start fails') throw new Error('no luck at https://host/path?signature=hunter2');
  if (mode === 'start hangs') {
    logger.info('hanging');
    await once(signal, 'abort');
    throw signal.reason;
  }
  const server = createServer();
  server.listen(config.server.port, config.server.host);
  await once(server, 'listening');
  if (mode === 'rejects') void Promise.reject(new Error('nobody handles this'));
  if (mode === 'throws')
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    drain: async () => {
      if (mode === 'drain fails') throw new Error('cannot drain');
      if (mode === 'drain hangs') await new Promise(() => undefined);
      server.close();
      await once(server, 'close');
      logger.info('closed');
    },
  };
}
