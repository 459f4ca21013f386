import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type Config, type ConfigSources, loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';

type OtherSources = Partial<Omit<ConfigSources, 'file'>>;

/** An empty folder for each test of a file, and the configuration file in it. */
export class ConfigPlace {
  #folder = '';

  get folder(): string {
    return this.#folder;
  }

  get file(): string {
    return join(this.#folder, 'hms-sync.yaml');
  }

  /** Loads a configuration with this text as its file. */
  async load(text: string, { env = {}, flags = {} }: OtherSources = {}): Promise<Config> {
    await writeFile(this.file, text);
    return loadConfig({ file: this.file, env, flags });
  }

  /** What the operator reads when this text is refused. */
  async complaint(text: string, sources: OtherSources = {}): Promise<string> {
    const error = await this.load(text, sources).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ConfigError)) throw new Error(`no ConfigError but ${error}`);
    return error.message;
  }

  async create(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'hms-sync-config-'));
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Creates a new place for each test of the calling file. */
export function useConfigPlace(): ConfigPlace {
  const place = new ConfigPlace();
  beforeEach(() => place.create());
  afterEach(() => place.remove());
  return place;
}
