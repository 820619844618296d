import { createServer } from 'node:http';
import { AccessLog } from '@cloud-mirror/http-service';
import { createLogger } from '@cloud-mirror/program';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { FrontendMetrics } from '../src/machines/metrics.ts';
import { PartProbe } from '../src/machines/part-states.ts';
import { RequestPipeline } from '../src/request-pipeline.ts';
import { FakeCacheManager } from './support/fake-cache-manager.ts';
import { SERVER, type LogLine } from './support/frontend-under-test.ts';

test('a defect of this program costs a connection, and is logged; the process goes on', async () => {
  const log: LogLine[] = [];
  const destination = { write: (line: string) => log.push(JSON.parse(line) as LogLine) };
  const logger = createLogger({ level: 'info', program: 'test', version: '0', destination });
  const cacheManager = new FakeCacheManager();
  const probe = new PartProbe({ check: async () => undefined }, cacheManager.backends);
  const pipeline = new RequestPipeline({
    server: SERVER,
    cacheManager,
    isDraining: () => false,
    metrics: new FrontendMetrics({ registry: new Registry(), cacheManager, probe }),
    accessLog: new AccessLog(logger),
    logger,
    application: (req, res) => {
      if (req.url === '/defect') throw new Error('a defect');
      res.end('answer');
    },
  });
  const server = createServer((req, res) => pipeline.handle(req, res));
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  try {
    const address = server.address();
    const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    await expect(fetch(`${base}/defect`)).rejects.toThrow();
    expect(await (await fetch(`${base}/other`)).text()).toBe('answer');
    expect(log.find(({ level }) => level === 'error')).toMatchObject({
      msg: 'a request could not be handled',
      err: { message: 'a defect' },
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
