import { fromJson } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { isJsonObject, isNumber, type Json, numberText } from '@hms-sync/proto/json';
import type { FieldProblem } from '../../core/event-rules.ts';
import { Refusal } from '../refusal.ts';

/** Reads an event's fields as they were sent and gathers what is wrong with them, so that all of it is told at once. */
export class EventFields {
  readonly #fields: { readonly [name: string]: Json };
  readonly #nameOf: (field: string) => string;
  readonly #problems: FieldProblem[] = [];

  /** @param nameOf what the sender calls a field */
  constructor(fields: { readonly [name: string]: Json }, nameOf: (field: string) => string = (field) => field) {
    this.#fields = fields;
    this.#nameOf = nameOf;
  }

  /** A field's value; undefined when it is absent or null. */
  value(field: string): Json | undefined {
    return Object.hasOwn(this.#fields, field) ? (this.#fields[field] ?? undefined) : undefined;
  }

  /** A text; empty when absent. */
  text(field: string): string {
    return this.#textOf(field, this.value(field));
  }

  /** A text that must not be empty. */
  requiredText(field: string): string {
    const text = this.text(field);
    if (text === '') this.wrong(field, 'is required');
    return text;
  }

  /** A time as RFC 3339 writes it; nothing when absent. */
  time(field: string): { time?: Timestamp } {
    const text = this.text(field);
    if (text === '') return {};
    try {
      if (!isDay(text.slice(0, 10))) throw new RangeError('no such day');
      return { time: fromJson(TimestampSchema, text) };
    } catch {
      this.wrong(field, 'must be a time as RFC 3339 writes it, such as 2026-11-23T09:30:00Z');
      return {};
    }
  }

  /** An object of texts; empty when absent. */
  texts(field: string): Record<string, string> {
    const value = this.value(field) ?? {};
    if (isJsonObject(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, this.#textOf(field, text)]));
    }
    this.wrong(field, 'must be an object of strings');
    return {};
  }

  /** Every field but those, as texts: numbers are written out by their value, and truth values. */
  scalarsBut(others: ReadonlySet<string>): Record<string, string> {
    const names = Object.keys(this.#fields).filter((name) => !others.has(name) && this.value(name) !== undefined);
    return Object.fromEntries(names.map((name) => [name, this.#scalarOf(name, this.value(name))]));
  }

  wrong(field: string, description: string): void {
    this.#problems.push({ field: this.#nameOf(field), description });
  }

  /** @throws {Refusal} EVENT_INVALID when anything was wrong */
  refuseWrong(): void {
    if (this.#problems.length === 0) return;
    const what = this.#problems.map(({ field, description }) => `${field} ${description}`).join('; ');
    throw new Refusal('EVENT_INVALID', what, { fields: this.#problems });
  }

  #scalarOf(field: string, value: Json | undefined): string {
    if (isNumber(value)) return numberText(value);
    return typeof value === 'boolean' ? String(value) : this.#textOf(field, value);
  }

  #textOf(field: string, value: Json | undefined): string {
    if (value === undefined) return '';
    // Half a surrogate pair would be another text once it was on disk.
    if (typeof value === 'string' && value.isWellFormed()) return value;
    this.wrong(field, 'must be a string of whole Unicode characters');
    return '';
  }
}

/** By itself the 30th of February becomes the 2nd of March. */
function isDay(date: string): boolean {
  const atMs = Date.parse(date);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}
