import { Option } from 'commander';

/** Whether a command prints JSON instead of text. */
export interface JsonOptions {
  json?: true;
  jsonl?: true;
}

/** For commands that print one thing, or a list: one JSON document, also when the list is empty. */
export function jsonOption(note = ''): Option {
  return new Option('--json', `print one JSON document${note}`).conflicts('jsonl');
}

/** For commands that print several things, a list or a stream: nothing is printed for nothing. */
export function jsonLinesOption(): Option {
  return new Option('--jsonl', 'print JSON objects, one a line');
}
