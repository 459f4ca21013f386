"""How to reach the lab system: its JSON Schema for operators, and the reading of what they wrote."""
import json
import re
from dataclasses import dataclass
from typing import List, Optional, Tuple
from urllib.parse import SplitResult, urlsplit

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["baseUrl"],
    "properties": {
        "baseUrl": {
            "type": "string",
            "description": "Where it lives, http or https; what it offers is found below this path",
        },
        "token": {
            "type": "string",
            "minLength": 1,
            "description": "Sent as bearer token; absent: none is sent",
            # A secret: it is not shown with the configuration.
            "writeOnly": True,
            "x-secret": True,
        },
    },
}

#: A wrong field: its path (empty: the whole), and what would be right. Never the value, which may be a secret.
Diagnostic = Tuple[str, str]


@dataclass(frozen=True)
class Config:
    """A configuration that will do."""

    base_url: SplitResult
    token: Optional[str]


def read_config(document: str) -> Tuple[Optional[Config], List[Diagnostic]]:
    """Either the configuration, or each field of it that is wrong."""
    try:
        given = json.loads(document)
    except ValueError:
        return None, [("", "config_json is no JSON document")]
    if not isinstance(given, dict):
        return None, [("", "must be an object")]
    wrong: List[Diagnostic] = [
        (name, f"is unknown; there are {', '.join(SCHEMA['properties'])}")
        for name in given
        if name not in SCHEMA["properties"]
    ]
    base_url = _base_url(given.get("baseUrl"))
    if base_url is None:
        wrong.append(("baseUrl", "give the http or https address of the lab, without user, query or fragment"))
    token = given.get("token")
    # What a header can hold; anything else would end up in somebody's error message.
    if token is not None and not (isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token)):
        wrong.append(("token", "give the token in visible ASCII, or leave the field out"))
    return (None, wrong) if wrong else (Config(base_url, token), [])


def _base_url(value: object) -> Optional[SplitResult]:
    if not isinstance(value, str):
        return None
    try:
        url = urlsplit(value)
        url.port  # Raises for one that is no number.
    except ValueError:
        return None
    is_plain = url.scheme in ("http", "https") and url.hostname and not (url.username or url.password)
    return url if is_plain and not (url.query or url.fragment) else None
