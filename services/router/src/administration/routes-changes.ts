import { HttpProblem, operatorGate } from '@cloud-mirror/http-service';
import type { OperatorCall, RequestContext } from '@cloud-mirror/http-service';
import type { AuditTrail, Logger } from '@cloud-mirror/program';
import { RoutesFault } from '@cloud-mirror/storage-routes';
import type { ChangeMode, ChangeRules, LiveRoutes, RouteChange } from '@cloud-mirror/storage-routes';
import { refuseForeignPage } from '../foreign-page.ts';
import { administrationProblem, routesProblem } from './administration-problems.ts';
import { entityTag, parseIfMatch } from './if-match.ts';
import { readBody } from './request-body.ts';
import type { RoutesAuth } from './routes-auth.ts';
import type { RoutesViews } from './routes-views.ts';
import { formValues, isForm, parseFormChange, parseJsonChange } from './sent-change.ts';

export interface RoutesChangesParts {
  readonly routes: LiveRoutes;
  readonly rules: ChangeRules;
  readonly auth: RoutesAuth;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  /** What the requests of one client have in common, see `clientNetworkReader`. */
  readonly clientOf: (request: RequestContext['req']) => string;
  /** How clients reach the router; null if only by its address. */
  readonly publicUrl: string | null;
  readonly views: RoutesViews;
}

/** The longest body of a request. */
const MOST_BODY_BYTES = 1024 ** 2;
/** The same for a request without a valid token, which is refused in any case. */
const MOST_UNKNOWN_BODY_BYTES = 64 * 1024;
/** Paths of changed routes in an audit line. */
const MOST_NAMED_PATHS = 50;

interface Change {
  readonly changes: readonly RouteChange[];
  readonly mode: ChangeMode;
}

/** The calls that change routes. */
export class RoutesChanges {
  readonly #parts: RoutesChangesParts;
  readonly #call: OperatorCall<string>;

  constructor(parts: RoutesChangesParts) {
    this.#parts = parts;
    const { auth, audit, logger, clientOf } = parts;
    this.#call = operatorGate({
      auth,
      audit,
      logger,
      problemOf: administrationProblem,
      clientOf,
    });
  }

  async post(ctx: RequestContext): Promise<void> {
    refuseForeignPage(ctx.req, this.#parts.publicUrl);
    const body = await this.#body(ctx);
    if (isForm(ctx.req.headers['content-type'], body)) return this.#submitForm(ctx, body);
    await this.#answerJson(ctx, 'merge', body);
  }

  async put(ctx: RequestContext): Promise<void> {
    refuseForeignPage(ctx.req, this.#parts.publicUrl);
    await this.#answerJson(ctx, 'replace', await this.#body(ctx));
  }

  async clear(ctx: RequestContext): Promise<void> {
    refuseForeignPage(ctx.req, this.#parts.publicUrl);
    await this.#change(
      ctx,
      () => ({ changes: [], mode: 'replace' }),
      (memory) => answerEmpty(ctx, this.#parts.routes, memory),
    );
  }

  async #answerJson(ctx: RequestContext, mode: ChangeMode, body: string): Promise<void> {
    const parse = (): Change => ({
      changes: parseJsonChange(ctx.req.headers['content-type'], body, this.#parts.rules),
      mode,
    });
    // A faulty document is 400 for everybody. The gate parses it again, so that the refusal is audited.
    if (!this.#isKnown(ctx)) parse();
    await this.#change(ctx, parse, (memory) => answerEmpty(ctx, this.#parts.routes, memory));
  }

  /** The form of the page: its user gets back to the page, or gets the page with the fault. */
  async #submitForm(ctx: RequestContext, body: string): Promise<void> {
    const values = formValues(body);
    try {
      await this.#change(
        ctx,
        () => ({ changes: parseFormChange(values, this.#parts.rules), mode: 'merge' }),
        (memory) => {
          if (memory.length > 0) ctx.set('Warning', MEMORY_WARNING);
          ctx.set('Location', '/');
          ctx.status = 303;
          ctx.body = '';
        },
      );
    } catch (error) {
      const problem = error instanceof RoutesFault ? routesProblem(error) : administrationProblem(error);
      if (problem.status === 401 || problem.status === 403) throw error;
      if (problem.status >= 500) this.#parts.logger.error({ err: problem.cause }, problem.message);
      ctx.state.record.outcome = problem.code;
      await this.#parts.views.showPageWithFault(ctx, problem, values);
    }
  }

  async #change(
    ctx: RequestContext,
    parse: () => Change,
    answer: (inMemory: readonly string[]) => void,
  ): Promise<void> {
    const { routes, logger } = this.#parts;
    await this.#call('routes', ctx, () => {
      const expects = parseIfMatch(ctx.req.headers['if-match']);
      const { changes, mode } = parse();
      Object.assign(ctx.state.record, recordOf(changes, mode));
      return async () => {
        const { inMemory } = await routes.change(changes, mode, expects);
        if (inMemory.length > 0)
          logger.warn(
            { paths: inMemory.slice(0, MOST_NAMED_PATHS) },
            'these routes are in the memory of this process only, because there is no router.sealKey to seal their credentials with',
          );
        answer(inMemory);
      };
    });
  }

  /** @throws HttpProblem 413 */
  async #body(ctx: RequestContext): Promise<string> {
    const known = this.#isKnown(ctx);
    const body = await readBody(ctx.req, known ? MOST_BODY_BYTES : MOST_UNKNOWN_BODY_BYTES);
    if (body !== null) return body;
    // Reading the rest only to answer would let strangers keep the router busy.
    ctx.set('Connection', 'close');
    if (!known) this.#parts.auth.identify(ctx.req.headers.authorization);
    throw new HttpProblem(413, 'body_too_large', `A request may have ${MOST_BODY_BYTES} bytes.`, {
      headers: { Connection: 'close' },
    });
  }

  #isKnown(ctx: RequestContext): boolean {
    try {
      this.#parts.auth.identify(ctx.req.headers.authorization);
      return true;
    } catch {
      return false;
    }
  }
}

const MEMORY_WARNING =
  '199 cloud-mirror "Routes with credentials are kept in the memory of this process only: there is no router.sealKey"';

function answerEmpty(ctx: RequestContext, routes: LiveRoutes, inMemory: readonly string[]): void {
  if (inMemory.length > 0) ctx.set('Warning', MEMORY_WARNING);
  ctx.set('ETag', entityTag(routes.revision));
  ctx.set('Cache-Control', 'no-store');
  ctx.status = 200;
  ctx.body = '';
  ctx.remove('Content-Type');
}

/** What the audit line says about a change. It contains no credential. */
function recordOf(changes: readonly RouteChange[], mode: ChangeMode): Record<string, unknown> {
  const paths = (chosen: readonly RouteChange[]): string[] =>
    chosen.slice(0, MOST_NAMED_PATHS).map(({ path }) => path);
  const removed = changes.filter(({ route }) => route === null);
  const set = changes.filter(({ route }) => route !== null);
  return {
    mode,
    count: changes.length,
    ...(set.length > 0 && { set: paths(set) }),
    ...(removed.length > 0 && { removed: paths(removed) }),
  };
}
