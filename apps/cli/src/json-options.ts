import { Option } from 'commander';

/** Whether a command prints JSON instead of text. */
export interface JsonOptions {
  json?: true;
  jsonl?: true;
}

/** For commands that print an object or a list: one JSON document, also when the list is empty. */
export function jsonOption(note = ''): Option {
  return new Option('--json', `print one JSON document${note}`).conflicts('jsonl');
}

/** For commands that print a list or a stream: one JSON object per line, and nothing for an empty list. */
export function jsonLinesOption(): Option {
  return new Option('--jsonl', 'print JSON objects, one per line');
}
