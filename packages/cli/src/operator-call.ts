import { request } from 'undici';
import { answerText } from './answer-body.ts';
import { CommandError } from './command-error.ts';
import { headerText } from './http-headers.ts';
import type { HttpHeaders } from './http-headers.ts';
import { networkFailure, openHttpAgent } from './http-agent.ts';
import { describeProblem } from './problem.ts';

/** A purge of every region waits for each store and for the memory of every front end. */
const ANSWER_LIMIT_MS = 120_000;

export interface OperatorCall {
  readonly method: 'GET' | 'DELETE';
  readonly address: string;
  readonly token: string;
  readonly signal: AbortSignal;
  /** Statuses beside 2xx whose answers the caller reads itself. */
  readonly alsoAnswers?: readonly number[];
}

export interface OperatorAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Empty for 204. */
  readonly text: string;
}

/**
 * Makes one of the operators' calls. No redirect is followed: the token is for this front end alone.
 * @throws CommandError for every answer that is neither a success nor one the caller wants
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

/** Why the front end did not do what it was asked. */
export function refusal({ status, headers, text }: OperatorAnswer): CommandError {
  const location = headerText(headers.location);
  if (location !== null && status >= 300 && status < 400)
    return new CommandError(`the mirror answered ${status} to ${location}; give that front end as --mirror`);
  const remedy =
    status === 401
      ? '; check the token'
      : status === 503
        ? `; nothing was claimed to be done, try again${retryAfter(headers['retry-after'])}`
        : '';
  return new CommandError(`${describeProblem(status, headers, text)}${remedy}`);
}

function retryAfter(value: string | string[] | undefined): string {
  const seconds = headerText(value);
  return seconds !== null && /^\d+$/.test(seconds) ? ` after ${seconds} s` : '';
}
