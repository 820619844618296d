export { AccessLog } from './access-log.ts';
export type { LoggedRecord } from './access-log.ts';
export { jsonHeaders, sendJson, sendText } from './answer.ts';
export { CLIENT_GONE, endOf } from './client-gone.ts';
export { clientAddressReader, clientNetwork } from './client-address.ts';
export { startHealthServer } from './health-server.ts';
export type { HealthServerParts, ProcessHealth } from './health-server.ts';
export { HttpProblem } from './http-problem.ts';
export type { HttpProblemOptions } from './http-problem.ts';
export { HttpServer } from './http-server.ts';
export type { ServerLimits } from './http-server.ts';
export { methodNotAllowed } from './method-not-allowed.ts';
export { metricsRoute } from './metrics-route.ts';
export { maxConnections, OpenConnections } from './open-connections.ts';
export { OperatorAuth } from './operator-auth.ts';
export type { Operator, OperatorToken } from './operator-auth.ts';
export { operatorGate } from './operator-call.ts';
export type { OperatorCall, OperatorGate } from './operator-call.ts';
export { rateLimit, RateLimiter } from './rate-limit.ts';
export type { RateLimit } from './rate-limit.ts';
export { receiveRequest } from './receive-request.ts';
export type { ReceiveParts } from './receive-request.ts';
export type {
  Endpoint,
  Exchange,
  Handler,
  RequestContext,
  RequestRecord,
  RequestState,
} from './request-context.ts';
export { requestIdOf } from './request-id.ts';
export { parseRequestTarget } from './request-target.ts';
export type { RequestTarget } from './request-target.ts';
export { sendWholeMessage, takesWholeMessages } from './whole-message.ts';
