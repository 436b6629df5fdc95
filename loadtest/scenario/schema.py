"""What a pydantic model allows at a path: the keys that it knows, for suggestions and for overrides."""

from __future__ import annotations

from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from loadtest.scenario.problems import FieldPath

__all__ = ["description", "fields_at", "open_at"]


def fields_at(model: type[BaseModel], path: FieldPath) -> tuple[str, ...]:
    """The keys that `model` knows in the mapping at `path`; empty where any key, or none, may stand."""
    return tuple(dict.fromkeys(name for form in _forms(model, path) if _is_model(form) for name in form.model_fields))


def open_at(model: type[BaseModel], path: FieldPath) -> bool:
    """True where the mapping at `path` takes keys of the user's own making."""
    return any(get_origin(form) is dict or form is dict or form is Any for form in _forms(model, path))


def description(model: type[BaseModel], path: FieldPath) -> str:
    """What the field at `path` means; empty if it is not described."""
    if not path:
        return ""
    for form in _forms(model, path[:-1]):
        if _is_model(form) and path[-1] in form.model_fields:
            return " ".join((form.model_fields[str(path[-1])].description or "").split())
    return ""


def _forms(model: type[BaseModel], path: FieldPath) -> list[Any]:
    forms: list[Any] = [model]
    for part in path:
        # A part that leads nowhere is pydantic's name for the member of a union that it tried.
        forms = [deeper for form in forms for deeper in _step(form, part)] or forms
    return forms


def _step(form: Any, part: str | int) -> list[Any]:
    if _is_model(form):
        found = form.model_fields.get(part)
        return list(_flat(found.annotation)) if found else []
    if get_origin(form) is dict:
        return list(_flat(get_args(form)[1]))
    if get_origin(form) is tuple and isinstance(part, int):
        return list(_flat(get_args(form)[0]))
    return [Any] if form is Any else []


def _flat(annotation: Any) -> Iterable[Any]:
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _flat(member)
    elif get_origin(annotation) is Annotated:
        yield from _flat(get_args(annotation)[0])
    else:
        yield annotation


def _is_model(form: Any) -> bool:
    return isinstance(form, type) and issubclass(form, BaseModel)
