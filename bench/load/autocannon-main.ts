/** Makes the load if wrk is not installed: `node autocannon-main.ts <address> <file of paths> <connections> <seconds>`. */
import { readFile } from 'node:fs/promises';
import autocannon from 'autocannon';

const [address = '', file = '', connections = '64', seconds = '5'] = process.argv.slice(2);
const paths = (await readFile(file, 'utf8')).trim().split('\n');
const result = await autocannon({
  url: address,
  connections: Number(connections),
  duration: Number(seconds),
  requests: paths.slice(0, 20_000).map((path) => ({ path })),
});
process.stdout.write(
  `${JSON.stringify({
    requests: result.requests.total,
    microseconds: result.duration * 1e6,
    p50: result.latency.p50 * 1000,
    p99: result.latency.p99 * 1000,
    failed: result.errors + result.timeouts + result['4xx'] + result['5xx'],
  })}\n`,
);
