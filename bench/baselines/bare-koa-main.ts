/** A constant redirect by Koa and its router, and nothing else. */
import Router from '@koa/router';
import Koa from 'koa';
import type { AddressInfo } from 'node:net';

const router = new Router();
router.get('/v1/redirect/:service/:region/:url', (ctx) => {
  ctx.status = 302;
  ctx.set('Location', 'https://example.com/the/copy');
  ctx.body = '';
});
const app = new Koa();
app.use(router.routes());
const server = app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'ready', address: `http://127.0.0.1:${port}` })}\n`);
});
