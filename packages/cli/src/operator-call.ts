import { request } from 'undici';
import { CommandError } from './command-interface.ts';
import { answerText, describeProblem, headerText, networkFailure, openHttpAgent } from './http-client.ts';
import type { HttpHeaders } from './http-client.ts';

/** Long, because a purge of every region waits for each store and for the memory of every front end. */
const ANSWER_LIMIT_MS = 120_000;

export interface OperatorCall {
  readonly method: 'GET' | 'DELETE';
  readonly address: string;
  readonly token: string;
  readonly signal: AbortSignal;
  /** Statuses other than 2xx whose responses the caller handles itself. */
  readonly alsoAnswers?: readonly number[];
}

export interface OperatorAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Empty for 204. */
  readonly text: string;
}

/**
 * Makes an operators' call. Does not follow redirects, because the token is only for this front end.
 * @throws CommandError unless the status is 2xx or one that the caller handles
 */
export async function callAsOperator(call: OperatorCall): Promise<OperatorAnswer> {
  const url = new URL(call.address);
  const agent = openHttpAgent(ANSWER_LIMIT_MS);
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      method: call.method,
      headers: { authorization: `Bearer ${call.token}`, accept: 'application/json' },
      signal: call.signal,
    });
    const answer = { status: statusCode, headers, text: await answerText(body) };
    const answers =
      (statusCode >= 200 && statusCode < 300) || call.alsoAnswers?.includes(statusCode) === true;
    if (answers) return answer;
    throw refusal(answer);
  } catch (error) {
    throw error instanceof CommandError ? error : networkFailure(error, url);
  } finally {
    await agent.destroy();
  }
}

/** Converts an error response of the front end to an error with a remedy. */
export function refusal({ status, headers, text }: OperatorAnswer): CommandError {
  const location = headerText(headers.location);
  if (location !== null && status >= 300 && status < 400)
    return new CommandError(`the mirror answered ${status} to ${location}; give that front end as --mirror`);
  const remedy =
    status === 401
      ? '; check the token'
      : status === 503
        ? `; the call may have had no effect, try again${retryAfter(headers['retry-after'])}`
        : '';
  return new CommandError(`${describeProblem(status, headers, text)}${remedy}`);
}

function retryAfter(value: string | string[] | undefined): string {
  const seconds = headerText(value);
  return seconds !== null && /^\d+$/.test(seconds) ? ` after ${seconds} s` : '';
}
