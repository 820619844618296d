import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa from 'koa';
import { answerErrors, methodNotAllowed } from '@cloud-mirror/http-service';
import type { RequestContext, RequestState } from '@cloud-mirror/http-service';
import { administrationProblem } from './administration-problems.ts';
import { RoutesChanges } from './routes-changes.ts';
import type { RoutesChangesParts } from './routes-changes.ts';
import { RoutesViews } from './routes-views.ts';
import type { RoutesViewsParts } from './routes-views.ts';

export type AdministrationParts = Omit<RoutesChangesParts, 'views'> &
  RoutesViewsParts & {
    /** Whether the router is about to stop, so that connections are closed after their answer. */
    readonly isDraining: () => boolean;
  };

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'];

/** Answers the requests for `/`. The caller has checked their host, and logs their end. */
export function createAdministration(
  parts: AdministrationParts,
): (request: IncomingMessage, response: ServerResponse, received: RequestState) => void {
  const { logger, isDraining } = parts;
  const views = new RoutesViews(parts);
  const changes = new RoutesChanges({ ...parts, views });
  const received = new WeakMap<IncomingMessage, RequestState>();

  const app = new Koa<RequestState>();
  app.on('error', (error: unknown) =>
    logger.debug({ err: error }, 'a connection ended in the middle of a response'),
  );
  app.use(
    answerErrors({
      logger,
      isDraining,
      stateOf: (request) => stateOf(received, request),
      problemOf: administrationProblem,
      isOurFault: ({ status }) => status >= 500,
    }),
  );
  app.use((ctx) => answer(ctx, views, changes));
  const koa = app.callback();
  return (request, response, state) => {
    received.set(request, state);
    void koa(request, response);
  };
}

function answer(ctx: RequestContext, views: RoutesViews, changes: RoutesChanges): Promise<void> {
  switch (ctx.method) {
    case 'GET':
    case 'HEAD':
      return views.show(ctx);
    case 'POST':
      return changes.post(ctx);
    case 'PUT':
      return changes.put(ctx);
    case 'DELETE':
      return changes.clear(ctx);
    default:
      throw methodNotAllowed(METHODS);
  }
}

/** Koa creates the state of a request itself, so the router's is looked up by the request. */
function stateOf(received: WeakMap<IncomingMessage, RequestState>, request: IncomingMessage): RequestState {
  const state = received.get(request);
  if (state === undefined) throw new Error('a request reached the administration without the router');
  return state;
}
