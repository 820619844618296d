import { CommandError } from './command-interface.ts';
import { describeProblem } from './http-client.ts';
import type { ServiceAnswer } from './service-call.ts';

/** An error response of a router, with a remedy. */
export function routerRefusal({ status, headers, text }: ServiceAnswer): CommandError {
  const remedy =
    status === 401 ? '; set CLOUD_MIRROR_TOKEN or give --token-file' : status === 503 ? '; try again' : '';
  return new CommandError(`${describeProblem(status, headers, text)}${remedy}`);
}
