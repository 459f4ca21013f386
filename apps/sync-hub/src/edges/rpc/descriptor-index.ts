import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/** Where each symbol of the services is declared, for clients without the .proto files. */
export class DescriptorIndex {
  /** In full, in alphabetical order. */
  readonly serviceNames: readonly string[];
  readonly #filesByName = new Map<string, DescFile>();
  readonly #filesBySymbol = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.serviceNames = services.map(({ typeName }) => typeName).sort();
    for (const file of services.flatMap((service) => withImports(service.file))) {
      this.#filesByName.set(file.proto.name, file);
      for (const symbol of symbolsOf(file.proto)) this.#filesBySymbol.set(symbol, file);
    }
  }

  /** The serialized file, then all that it needs; undefined when there is none of this name. */
  filesByName(name: string): Uint8Array[] | undefined {
    return serialize(this.#filesByName.get(name));
  }

  /** The serialized file that declares a symbol, then all that it needs; undefined when none does. */
  filesBySymbol(symbol: string): Uint8Array[] | undefined {
    return serialize(this.#filesBySymbol.get(symbol));
  }
}

function serialize(file: DescFile | undefined): Uint8Array[] | undefined {
  return file && withImports(file).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
}

/** A file and all that it needs, directly or not; each once, before what it imports. */
function withImports(file: DescFile): DescFile[] {
  const importsFirst = new Set<DescFile>();
  const visit = (each: DescFile) => {
    if (importsFirst.has(each)) return;
    for (const imported of each.dependencies) visit(imported);
    importsFirst.add(each);
  };
  visit(file);
  return [...importsFirst].reverse();
}

/** The full name of everything that a file declares. */
function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  const scope = file.package === '' ? '' : `${file.package}.`;
  for (const message of file.messageType) yield* symbolsOfMessage(scope, message);
  for (const declared of file.enumType) yield* symbolsOfEnum(scope, declared);
  for (const extension of file.extension) yield `${scope}${extension.name}`;
  for (const service of file.service) {
    yield `${scope}${service.name}`;
    for (const method of service.method) yield `${scope}${service.name}.${method.name}`;
  }
}

function* symbolsOfMessage(scope: string, message: DescriptorProto): Generator<string> {
  yield `${scope}${message.name}`;
  const inner = `${scope}${message.name}.`;
  for (const field of message.field) yield `${inner}${field.name}`;
  for (const oneof of message.oneofDecl) yield `${inner}${oneof.name}`;
  for (const extension of message.extension) yield `${inner}${extension.name}`;
  for (const nested of message.nestedType) yield* symbolsOfMessage(inner, nested);
  for (const nested of message.enumType) yield* symbolsOfEnum(inner, nested);
}

/** The values of an enum are its siblings, not its children: protobuf follows C++ here. */
function* symbolsOfEnum(scope: string, declared: EnumDescriptorProto): Generator<string> {
  yield `${scope}${declared.name}`;
  for (const value of declared.value) yield `${scope}${value.name}`;
}
