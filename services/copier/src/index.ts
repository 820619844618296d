export { Copier, type CopierOptions } from './copier.ts';
export { startHealthServer, type CopierHealth } from './health-server.ts';
