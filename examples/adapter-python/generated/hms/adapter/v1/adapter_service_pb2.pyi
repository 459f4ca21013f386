from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
OUTCOME_KIND_DELIVERED: OutcomeKind
OUTCOME_KIND_MISCONFIGURED: OutcomeKind
OUTCOME_KIND_PERMANENT: OutcomeKind
OUTCOME_KIND_RETRYABLE: OutcomeKind
OUTCOME_KIND_THROTTLED: OutcomeKind
OUTCOME_KIND_UNAUTHORIZED: OutcomeKind
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
THROTTLE_SCOPE_DELIVERY: ThrottleScope
THROTTLE_SCOPE_LANE: ThrottleScope
THROTTLE_SCOPE_UNSPECIFIED: ThrottleScope

class CheckRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ["results"]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[CheckResult]
    def __init__(self, results: _Optional[_Iterable[_Union[CheckResult, _Mapping]]] = ...) -> None: ...

class CheckResult(_message.Message):
    __slots__ = ["message", "name", "ok"]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    message: str
    name: str
    ok: bool
    def __init__(self, name: _Optional[str] = ..., ok: bool = ..., message: _Optional[str] = ...) -> None: ...

class ConfigureRequest(_message.Message):
    __slots__ = ["config_json"]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    config_json: str
    def __init__(self, config_json: _Optional[str] = ...) -> None: ...

class ConfigureResponse(_message.Message):
    __slots__ = ["diagnostics"]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    diagnostics: _containers.RepeatedCompositeFieldContainer[Diagnostic]
    def __init__(self, diagnostics: _Optional[_Iterable[_Union[Diagnostic, _Mapping]]] = ...) -> None: ...

class DeliverRequest(_message.Message):
    __slots__ = ["aborted", "deliveries"]
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    aborted: _containers.RepeatedScalarFieldContainer[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[DeliveryAttempt]
    def __init__(self, deliveries: _Optional[_Iterable[_Union[DeliveryAttempt, _Mapping]]] = ..., aborted: _Optional[_Iterable[int]] = ...) -> None: ...

class DeliverResponse(_message.Message):
    __slots__ = ["credit", "outcomes"]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    credit: int
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ..., credit: _Optional[int] = ...) -> None: ...

class DeliveryAttempt(_message.Message):
    __slots__ = ["attempt", "event", "idempotency_key", "redelivered", "ref", "timeout"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    REDELIVERED_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    event: Event
    idempotency_key: str
    redelivered: bool
    ref: int
    timeout: _duration_pb2.Duration
    def __init__(self, ref: _Optional[int] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., attempt: _Optional[int] = ..., redelivered: bool = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DeliverySettings(_message.Message):
    __slots__ = ["concurrency", "timeout"]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    concurrency: int
    timeout: _duration_pb2.Duration
    def __init__(self, concurrency: _Optional[int] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ["hub_version", "protocols"]
    HUB_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    hub_version: str
    protocols: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, hub_version: _Optional[str] = ..., protocols: _Optional[_Iterable[int]] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ["accepts", "capabilities", "config_schema_json", "delivery", "id", "load_failure", "protocols", "version"]
    ACCEPTS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LOAD_FAILURE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    accepts: _containers.RepeatedScalarFieldContainer[str]
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    config_schema_json: str
    delivery: DeliverySettings
    id: str
    load_failure: str
    protocols: _containers.RepeatedScalarFieldContainer[int]
    version: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[str] = ..., protocols: _Optional[_Iterable[int]] = ..., accepts: _Optional[_Iterable[str]] = ..., capabilities: _Optional[_Iterable[str]] = ..., config_schema_json: _Optional[str] = ..., delivery: _Optional[_Union[DeliverySettings, _Mapping]] = ..., load_failure: _Optional[str] = ...) -> None: ...

class Diagnostic(_message.Message):
    __slots__ = ["message", "path"]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    message: str
    path: str
    def __init__(self, path: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ["timeout"]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    timeout: _duration_pb2.Duration
    def __init__(self, timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ["unfinished"]
    UNFINISHED_FIELD_NUMBER: _ClassVar[int]
    unfinished: int
    def __init__(self, unfinished: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ["attributes", "data", "data_content_type", "id", "key", "source", "time", "type"]
    class AttributesEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    DATA_CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    attributes: _containers.ScalarMap[str, str]
    data: bytes
    data_content_type: str
    id: str
    key: str
    source: str
    time: _timestamp_pb2.Timestamp
    type: str
    def __init__(self, id: _Optional[str] = ..., source: _Optional[str] = ..., type: _Optional[str] = ..., key: _Optional[str] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., data: _Optional[bytes] = ..., data_content_type: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ["code", "kind", "message", "receipt", "ref", "retry_after", "throttle_scope"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    THROTTLE_SCOPE_FIELD_NUMBER: _ClassVar[int]
    code: str
    kind: OutcomeKind
    message: str
    receipt: str
    ref: int
    retry_after: _duration_pb2.Duration
    throttle_scope: ThrottleScope
    def __init__(self, ref: _Optional[int] = ..., kind: _Optional[_Union[OutcomeKind, str]] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., retry_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., receipt: _Optional[str] = ..., throttle_scope: _Optional[_Union[ThrottleScope, str]] = ...) -> None: ...

class ThrottleScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
