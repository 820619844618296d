import { request } from 'undici';
import { answerText, networkFailure, openHttpAgent } from './http-client.ts';
import type { HttpHeaders } from './http-client.ts';

const ANSWER_LIMIT_MS = 30_000;

/** A call to a router or a fleet. */
export interface ServiceCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  /** null for none. */
  readonly token: string | null;
  /** JSON. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
}

/** Makes a call, and follows no redirect. @throws CommandError if there is no answer */
export async function callService({ method, url, token, body, signal }: ServiceCall): Promise<ServiceAnswer> {
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
