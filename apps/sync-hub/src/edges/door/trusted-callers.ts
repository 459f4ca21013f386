import { type BlockList, isIPv6 } from 'node:net';

/** The only addresses from which a port accepts connections. They may change while it is open. */
export class TrustedCallers {
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
