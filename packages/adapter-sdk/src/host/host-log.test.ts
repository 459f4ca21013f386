import { describe, expect, it } from 'vitest';
import { attemptOf } from '../../test/delivery.ts';
import { readyHost, signal } from '../../test/hosts.ts';
import { defineAdapter } from '../index.ts';

describe('the log of an adapter', () => {
  it('writes plain data, and never throws', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const { host, records } = await readyHost(
      defineAdapter({
        push: (event, { log }) => {
          log.info('sent', { key: event.key, at: event.time, data: event.data, big: 7n, circle });
          log.debug('hostile', {
            get field(): string {
              throw new Error('hostile');
            },
          });
        },
      }),
    );
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ kind: 'delivered' });
    expect(records).toMatchObject([
      {
        level: 'info',
        message: 'sent',
        fields: {
          key: 'process-7',
          at: '2026-11-23T10:00:00.000Z',
          data: '[47 bytes]',
          big: '7',
        },
      },
      { level: 'debug', message: 'hostile', fields: { fields: 'unreadable' } },
    ]);
  });
});
