import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A back end in a process of its own, which tells its parent the port. Ends with the parent. */
const server = createServer((_, response) => {
  setTimeout(() => response.end('ok'), 5);
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
