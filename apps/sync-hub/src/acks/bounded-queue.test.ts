import { expect, it } from 'vitest';
import { Mailbox, MailboxOverflow } from './mailbox.ts';

const createMailbox = (capacity = 3) => {
  const stop = new AbortController();
  return { mailbox: new Mailbox<number>({ capacity, signal: stop.signal }), stop };
};

it('gives everything that waits at once, in order', async () => {
  const { mailbox } = createMailbox();
  mailbox.put(1);
  mailbox.put(2);
  expect(await mailbox.take()).toEqual([1, 2]);
});

it('wakes a reader who waits', async () => {
  const { mailbox } = createMailbox();
  const taking = mailbox.take();
  mailbox.put(1);
  expect(await taking).toEqual([1]);
});

it('holds no more than its bound: what fitted can be read, then it says that it ran over', async () => {
  const { mailbox } = createMailbox(2);
  for (const item of [1, 2, 3, 4]) mailbox.put(item);
  expect(mailbox.isClosed).toBe(true);
  expect(await mailbox.take()).toEqual([1, 2]);
  await expect(mailbox.take()).rejects.toThrow(new MailboxOverflow('more than 2 waited'));
});

it('has room again once its reader took what was in it', async () => {
  const { mailbox } = createMailbox(2);
  for (let round = 0; round < 100; round += 1) {
    mailbox.put(round);
    mailbox.put(round);
    expect(await mailbox.take()).toEqual([round, round]);
  }
  expect(mailbox.isClosed).toBe(false);
});

it('ends with what is in it when it is closed, and takes nothing more', async () => {
  const { mailbox } = createMailbox();
  mailbox.put(1);
  mailbox.close();
  mailbox.put(2);
  expect(await mailbox.take()).toEqual([1]);
  expect(await mailbox.take()).toEqual([]);
});

it('closes with its signal, also one that was aborted before', async () => {
  const { mailbox, stop } = createMailbox();
  const taking = mailbox.take();
  stop.abort();
  expect(await taking).toEqual([]);
  expect(await new Mailbox({ capacity: 1, signal: AbortSignal.abort() }).take()).toEqual([]);
});
