/** The fastest that node:http can be: a constant redirect, with the status that the first argument names. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const status = Number(process.argv[2] ?? 302);

const server = createServer((_request, response) => {
  response.writeHead(status, { Location: 'https://example.com/the/copy', 'Content-Length': 0 });
  response.end();
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'ready', address: `http://127.0.0.1:${port}` })}\n`);
});
