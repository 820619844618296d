export { FleetServer } from './http/fleet-server.ts';
export type { FleetServerParts } from './http/fleet-server.ts';
export { endpointLines } from './instances/endpoint-lines.ts';
