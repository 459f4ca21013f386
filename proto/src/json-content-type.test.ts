import { expect, it } from 'vitest';
import { isJsonContentType } from './json-content-type.ts';

it.each([
  ['', true],
  ['application/json', true],
  ['Application/JSON; charset=utf-8', true],
  ['application/fhir+json;v=4', true],
  ['text/json', true],
  ['application/jsonl', false],
  ['text/plain; x=+json', false],
  ['image/png', false],
  ['a+json', false],
  ['a/b/c+json', false],
])('takes %j for JSON: %s', (contentType, isJson) => {
  expect(isJsonContentType(contentType)).toBe(isJson);
});
