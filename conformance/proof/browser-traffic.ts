import { setTimeout as elapse } from 'node:timers/promises';
import type { Page } from 'playwright-core';

/** The parameter by which a request is known as one of a try. */
const PARAMETER = '__try';
/** A request that is still open after that is not waited for. */
const SETTLES_WITHIN_MS = 5_000;

/** The requests of a page, its frames, workers and windows, by the number of their try. */
export class BrowserTraffic {
  readonly #open = new Map<string, number>();
  readonly #statuses = new Map<string, number[]>();

  static async of(page: Page): Promise<BrowserTraffic> {
    const traffic = new BrowserTraffic();
    const context = page.context();
    context.on('request', (request) => traffic.#count(request.url(), 1));
    context.on('requestfinished', (request) => traffic.#count(request.url(), -1));
    context.on('requestfailed', (request) => traffic.#count(request.url(), -1));
    context.on('response', (response) => traffic.#answered(response.url(), response.status()));
    // Also what the browser keeps from the page, and the question before a request that is not simple (CORS).
    const session = await context.newCDPSession(page);
    const urls = new Map<string, string>();
    session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url));
    session.on('Network.webSocketCreated', ({ requestId, url }) => urls.set(requestId, url));
    session.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) =>
      traffic.#answered(urls.get(requestId), statusCode),
    );
    await session.send('Network.enable');
    return traffic;
  }

  /** Waits until no request of a try is open. @returns the different statuses of their answers */
  async settled(number: number): Promise<readonly number[]> {
    const until = Date.now() + SETTLES_WITHIN_MS;
    while ((this.#open.get(String(number)) ?? 0) > 0 && Date.now() < until) await elapse(10);
    return [...new Set(this.#statuses.get(String(number)))];
  }

  #count(url: string, change: number): void {
    const number = tryOf(url);
    this.#open.set(number, (this.#open.get(number) ?? 0) + change);
  }

  #answered(url: string | undefined, status: number): void {
    const number = url === undefined ? '' : tryOf(url);
    this.#statuses.set(number, [...(this.#statuses.get(number) ?? []), status]);
  }
}

function tryOf(url: string): string {
  return new URL(url).searchParams.get(PARAMETER) ?? '';
}
