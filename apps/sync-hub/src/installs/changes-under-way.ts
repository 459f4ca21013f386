import { InstallError } from './install-error.ts';

/** Each runs an npm and an adapter, for minutes if they hang. One more is refused: nothing waits behind what hangs. */
const INSTALLATIONS_MAX = 4;

/** What is being done to adapters: one change of each at a time, and a bounded number of installations. */
export class ChangesUnderWay {
  readonly #byId = new Map<string, string>();
  #installations = 0;

  /** Makes a change of an adapter. @throws {InstallError} NOT_NOW while another one is under way */
  async of<Result>(id: string, what: string, change: () => Promise<Result>): Promise<Result> {
    this.begin(id, what);
    try {
      return await change();
    } finally {
      this.end(id);
    }
  }

  /** @throws {InstallError} NOT_NOW */
  begin(id: string, what: string): void {
    const running = this.#byId.get(id);
    if (running !== undefined)
      throw new InstallError('NOT_NOW', `${running} of ${id} is under way: wait until it is over`);
    this.#byId.set(id, what);
  }

  end(id: string): void {
    this.#byId.delete(id);
  }

  /** Installs something, under an id that may not be known yet. @throws {InstallError} NOT_NOW when too many do */
  async installation<Result>(install: () => Promise<Result>): Promise<Result> {
    if (this.#installations >= INSTALLATIONS_MAX) {
      throw new InstallError('NOT_NOW', `${INSTALLATIONS_MAX} installations are under way: wait until one is over`);
    }
    this.#installations += 1;
    try {
      return await install();
    } finally {
      this.#installations -= 1;
    }
  }
}
