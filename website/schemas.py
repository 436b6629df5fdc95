"""The fields of scenarios, scripts and endpoint profiles, from the JSON Schema that editors use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from loadtest.scenario.json_schema import json_schema
from website.markdown import NOTICE, table

__all__ = ["schema_page"]

Schema = Mapping[str, Any]

TITLES: Final = {"scenario": "Scenario schema", "script": "Script schema", "endpoint": "Endpoint profile schema"}
BOUNDS: Final = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
COUNTS: Final = {"minItems": "at least", "maxItems": "at most", "minProperties": "at least", "maxProperties": "at most"}


def schema_page(what: str) -> str:
    """One of the schemas, a section a mapping."""
    schema = json_schema(what)
    parts = [
        f"# {TITLES[what]}\n\n",
        f"{NOTICE} `loadtest schema {what}` prints it as JSON Schema, for editors; ",
        "[scenario.md](../scenario.md) explains it.\n\n",
        f"{schema['description']}\n\n",
        _fields(schema),
    ]
    for name, definition in schema["$defs"].items():
        parts += [f"## {name}\n\n", f"{definition.get('description', '')}\n\n", _definition(definition)]
    return "".join(parts)


def _definition(definition: Schema) -> str:
    if "properties" in definition:
        return _fields(definition)
    forms = definition.get("anyOf") or definition.get("oneOf")
    if not forms:
        return f"{kind(definition)}\n\n"
    plain = [kind(form) for form in forms if "properties" not in form]
    mappings = "".join(_fields(form) for form in forms if "properties" in form)
    return f"{' or '.join([*plain, 'a mapping:'] if mappings else plain)}\n\n{mappings}"


def _fields(schema: Schema) -> str:
    required = schema.get("required", ())
    rows = (
        (f"`{name}`", kind(field), _default(field, required=name in required), field.get("description", ""))
        for name, field in schema["properties"].items()
    )
    return table(("field", "what it takes", "default", "meaning"), rows) + _rules(schema)


def _rules(schema: Schema) -> str:
    """What holds between fields."""
    one_of = [form["required"][0] for form in schema.get("oneOf", ()) if "required" in form]
    rules = [f"Exactly one of {', '.join(f'`{name}`' for name in one_of)}."] if one_of else []
    for name, needs in schema.get("dependentRequired", {}).items():
        rules.append(f"`{name}` needs {' and '.join(f'`{need}`' for need in needs)}.")
    return " ".join(rules) + "\n\n" if rules else ""


def _default(field: Schema, *, required: bool) -> str:
    if required:
        return "required"
    default = field.get("default")
    if default is None or default == "":
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def kind(schema: Schema) -> str:
    """What a value must be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf"):
        forms = [form for form in schema.get(choice, ()) if form != {"type": "null"}]
        if forms and "properties" not in schema:
            return " or ".join(dict.fromkeys(kind(form) for form in forms))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    return " ".join([_type(schema), *_bounds(schema)])


def _type(schema: Schema) -> str:
    of = schema.get("type", "anything")
    if isinstance(of, list):
        return "true or false" if "boolean" in of else " or ".join(of)
    match of:
        case "array" if "prefixItems" in schema:
            return f"[{', '.join(kind(item) for item in schema['prefixItems'])}]"
        case "array":
            return f"list of {kind(schema.get('items', {}))}"
        case "object":
            return f"mapping of {_values(schema)}"
        case "boolean":
            return "true or false"
        case "integer":
            return "whole number"
    return str(of)


def _values(schema: Schema) -> str:
    values = [*schema.get("patternProperties", {}).values()]
    more = schema.get("additionalProperties")
    values += [more] if isinstance(more, dict) else []
    if values:
        return f"names to {' or '.join(kind(value) for value in values)}"
    return ", ".join(f"`{name}`" for name in schema.get("properties", {})) or "anything"


def _bounds(schema: Schema) -> Iterator[str]:
    for key, sign in BOUNDS.items():
        if key in schema and abs(schema[key]) < 2**62:
            yield f"{sign} {schema[key]}"
    for key, words in COUNTS.items():
        if key in schema and "prefixItems" not in schema:
            yield f"({words} {schema[key]})"
