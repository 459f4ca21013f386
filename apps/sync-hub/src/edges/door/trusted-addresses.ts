import { type BlockList, isIPv6 } from 'node:net';

/** Addresses of the configuration that are trusted: to connect, or in what they say of others. They may change while the hub runs. */
export class TrustedAddresses {
  #list: BlockList;
  readonly #listeners = new Set<() => void>();

  constructor(list: BlockList) {
    this.#list = list;
  }

  trusts(address: string): boolean {
    return this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  /** Connections from an address that is no longer among them end. */
  replace(list: BlockList): void {
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }
}
