import { request } from 'undici';
import { CommandError } from './command-interface.ts';
import { answerText, describeProblem, networkFailure, openHttpAgent } from './http-client.ts';
import type { HttpHeaders } from './http-client.ts';

const ANSWER_LIMIT_MS = 30_000;

export interface RouterCall {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** null for none. */
  readonly token: string | null;
  /** JSON. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface RouterAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
}

/** Makes a call to a router, and follows no redirect. @throws CommandError if there is no answer */
export async function callRouter({ method, url, token, body, signal }: RouterCall): Promise<RouterAnswer> {
  const agent = openHttpAgent(ANSWER_LIMIT_MS);
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method,
      headers: {
        accept: 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      signal,
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answerText(answer.body) };
  } catch (error) {
    throw networkFailure(error, url);
  } finally {
    await agent.destroy();
  }
}

/** An error response of a router, with a remedy. */
export function routerRefusal({ status, headers, text }: RouterAnswer): CommandError {
  const remedy =
    status === 401 ? '; set CLOUD_MIRROR_TOKEN or give --token-file' : status === 503 ? '; try again' : '';
  return new CommandError(`${describeProblem(status, headers, text)}${remedy}`);
}
