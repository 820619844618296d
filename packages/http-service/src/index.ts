export { answerErrors } from './answer-errors.ts';
export type { AnswerErrorsParts } from './answer-errors.ts';
export { AccessLog } from './access-log.ts';
export type { LoggedRecord } from './access-log.ts';
export { jsonHeaders, sendJson, sendText } from './answer.ts';
export { CLIENT_GONE, endOf } from './client-gone.ts';
export { clientNetwork, clientNetworkReader } from './client-address.ts';
export { startHealthServer } from './health-server.ts';
export type { FailingPart, HealthServerParts, ProcessHealth } from './health-server.ts';
export { HostGate } from './host-gate.ts';
export type { HostGateOptions } from './host-gate.ts';
export { HttpProblem, problemBody, problemHeaders } from './http-problem.ts';
export type { HttpProblemOptions } from './http-problem.ts';
export { HttpServer } from './http-server.ts';
export type { ServerLimits } from './http-server.ts';
export { methodNotAllowed } from './method-not-allowed.ts';
export { metricsRoute } from './metrics-route.ts';
export { maxConnections, OpenConnections } from './open-connections.ts';
export { OperatorAuth, requireScope } from './operator-auth.ts';
export type { Operator, OperatorAuthOptions, OperatorToken } from './operator-auth.ts';
export { operatorGate } from './operator-call.ts';
export type { CheckedCall, OperatorCall, OperatorGate } from './operator-call.ts';
export { ClientBudgets, RateLimiter } from './rate-limit.ts';
export type { RateLimit } from './rate-limit.ts';
export type { Endpoint, Handler, RequestContext, RequestRecord, RequestState } from './request-context.ts';
export { requestIdOf } from './request-id.ts';
export { requestRefusal } from './request-refusal.ts';
export { parseRequestTarget } from './request-target.ts';
export type { RequestTarget } from './request-target.ts';
export {
  askedHost,
  isFromOtherSite,
  isLoopbackHost,
  isPageOfHost,
  pageOf,
  ServedHosts,
} from './served-hosts.ts';
export { sendWholeMessage, takesWholeMessages } from './whole-message.ts';
export { hasBody, lingerBeforeClose, mustCloseUnread } from './unread-body.ts';
