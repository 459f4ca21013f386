export { CheckFailure } from './check-failure.ts';
export { type DefinitionPlace, definitionSubject } from './definition-subject.ts';
export { type DescribeAdapterOptions, describeAdapter, type TestFunctions } from './describe-adapter.ts';
export type { Kit } from './kit.ts';
export { type RemoteOptions, type RemoteTls, remoteSubject } from './remote-subject.ts';
export type { Subject, Target, TargetDescription } from './target.ts';
export { type Verdict, verify } from './verification.ts';
