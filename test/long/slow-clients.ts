import { parseArgs } from 'node:util';
import { slowDownStandaloneMirror } from '../hostile/slowed-mirror.ts';

/*
 * npm run test:slow-clients -- --connections 10000 --requests 1000
 *
 * Opens slow connections to a standalone mirror on loopback: silent ones, partial requests, dripping headers, missing
 * bodies, clients that do not read. Makes good requests meanwhile; exit status 1 if one is not answered. Both processes
 * need a file descriptor for each connection (ulimit -n).
 */

const { values } = parseArgs({ options: { connections: { type: 'string' }, requests: { type: 'string' } } });
const connections = Number(values.connections ?? 10_000);
const goodRequests = Number(values.requests ?? 1000);
if (!(connections > 0) || !(goodRequests > 0))
  throw new RangeError('--connections and --requests are numbers');
const report = await slowDownStandaloneMirror({ connections, goodRequests });
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exitCode = report.answers['302'] === goodRequests && report.exit === 0 ? 0 : 1;
