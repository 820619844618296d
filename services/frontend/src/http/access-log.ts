import type { Logger } from '@cloud-mirror/config';
import type { Exchange } from './request-context.ts';

/**
 * A logger for lines whose every field is chosen below. Looking through each of them for credentials, as the program's
 * logger does with what it is given, took more time than the rest of a request.
 */
export function accessLogger(logger: Logger): Logger {
  return logger.child({}, { redact: [] });
}

/** One line for each request. What it may say of an object is in the record; the address itself is never logged. */
export function logAccess(logger: Logger, { req, res, state }: Exchange, durationMs: number): void {
  const { requestId, record } = state;
  logger.info(
    {
      requestId,
      method: req.method,
      status: res.statusCode,
      durationMs: Math.round(durationMs * 1000) / 1000,
      ...(!res.writableFinished && { clientGone: true }),
      ...record,
    },
    'request',
  );
}
