"""Find what the contract says and nobody has ruled on, and say which lines rule on it.

Each decision begins with a hyphen; below it are the lines to write, as YAML that can be pasted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contract_places import METHODS, Steps, follow, place, walk
from fields import ADOPTED, FIRST

OVERLAY = "codegen/overlay.yaml"
ASSUMPTIONS = "codegen/assumptions.yaml"
EXPECTED = "x-expects"
CUSTOMER = "/customers/{id}"
# The operations that the facade calls, by the names under which it imports them.
FACADE = {
    ("put", CUSTOMER): ("Customers", "replace_customer"),
    ("get", CUSTOMER): ("Customers", "get_customer"),
    ("post", "/auth/login"): ("Authentication", "login"),
    ("patch", CUSTOMER): ("Customers", "patch_customer"),
}
# It takes these up by a ruling, and does without them.
OPTIONAL = {("patch", CUSTOMER)}
USE = "x-use"
API = "api"
TAKEN_UP = "facade"
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream")

Contract = Mapping[str, Any]


def moved(published: Contract, expected: object) -> Iterator[str]:
    """Ask where the contract is of another version, or of other servers, than was expected."""
    expected = expected if isinstance(expected, Mapping) else {}
    servers = published.get("servers")
    urls = [server.get("url") for server in servers or [] if isinstance(server, Mapping)]
    version = published.get("openapi")
    if version != expected.get("openapi"):
        yield (
            f"- the contract is OpenAPI {_json(version)}, and {EXPECTED} in {OVERLAY} says "
            f"{_json(expected.get('openapi'))}. Look whether what the overlay adds still means "
            f"the same there, then write under {EXPECTED}:\n    openapi: {_json(version)}"
        )
    if urls != expected.get("servers"):
        yield (
            f"- the contract has the servers {_json(urls)}, and {EXPECTED} in {OVERLAY} says "
            f"{_json(expected.get('servers'))}. Calls go to the first, with their credentials, "
            f"unless `base_url=` is given. If that is right, write under {EXPECTED}:\n"
            f"    servers: {_json(urls)}"
        )


def sound(contract: Contract, version: str) -> Iterator[str]:
    """Ask about all that the contract says after the overlay and nobody has ruled on."""
    yield from _fields(contract, version)
    if not str(contract.get("openapi")).startswith("3.0."):
        yield from _nulls(contract)
    yield from _facade(contract)
    for method, path, operation in operations(contract):
        yield from _operation(contract, method, path, operation)
    yield from _servers(contract)
    yield from _bodies(contract)
    yield from _answers(contract)


def operations(contract: Contract) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give each operation after its method and path."""
    for path, item in _mapping(contract.get("paths")).items():
        for method, operation in _mapping(item).items():
            if method in METHODS and isinstance(operation, Mapping):
                yield method, path, operation


def taken_up(target: str, name: str, theirs: Any) -> str:
    """Say what else to write where the vendor documents an operation that the overlay adds."""
    for method, path in FACADE:
        if method == name and target == place(("paths", path)):
            lines = _naming(method, path, _mapping(theirs))
            return f" The facade calls it by name, so add to {OVERLAY}{lines}" if lines else ""
    return ""


def _fields(contract: Contract, version: str) -> Iterator[str]:
    schema = _mapping(_mapping(_mapping(contract.get("components")).get("schemas")).get("Client"))
    now = ".".join(version.split(".")[:2])
    for name, rule in _mapping(schema.get("properties")).items():
        target = place(("components", "schemas", "Client", "properties", name))
        said = _mapping(rule)
        since = {} if name in FIRST else {ADOPTED: now}
        if "readOnly" not in said:
            ruling = _action(target, {"update": {"readOnly": False, **since}})
            yield (
                f"- no ruling for {name}: may a caller set it, or does the gateway? Add to "
                f"{OVERLAY}, with `readOnly: true` if it is server-owned,{ruling}{_entry(target)}"
            )
        elif since and not _is_version(said.get(ADOPTED), now):
            yield (
                f"- {name} was outside the contract in {now}, and what went into `extra=` then is "
                f"to go on for a while. Add to the ruling on {target} in {OVERLAY}:\n"
                f"    {ADOPTED}: {_json(now)}"
            )


def _is_version(said: object, now: str) -> bool:
    """Tell whether this is a version, such as "1.2", that is not still to come."""
    if not isinstance(said, str) or not re.fullmatch(r"\d+\.\d+", said):
        return False
    return _numbers(said) <= _numbers(now)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _nulls(contract: Contract) -> Iterator[str]:
    for steps, schema in walk(contract):
        if isinstance(schema, Mapping) and schema.get("nullable") in (True, False):
            said = schema.get("type")
            kinds = said if isinstance(said, list) else [said]
            wanted = {"type": [*(kind for kind in kinds if kind != "null"), "null"]}
            yield (
                f"- {place(steps)} has `nullable`, which OpenAPI {contract.get('openapi')} does "
                f"not know. In the action of {OVERLAY} that adds it, write instead:\n"
                f"    update: {_flow(wanted)}\n"
                f"  and beside it, where the contract has the type:\n"
                f"    x-replaces: {_flow({'type': said})}"
            )


def _facade(contract: Contract) -> Iterator[str]:
    """Ask where the facade would not find an operation under the name that it imports."""
    found = {(method, path): operation for method, path, operation in operations(contract)}
    optional = [key for key in OPTIONAL if not _taken_up(contract, *key, found.get(key, {}))]
    for (method, path), (tag, id) in FACADE.items():
        title = f"{method.upper()} {path}"
        if (method, path) in optional:
            continue
        if (method, path) not in found:
            yield (
                f"- the facade calls {title}, and the contract has no such operation after the "
                f"overlay. Write it into {OVERLAY}, with `operationId: {id}` and `tags: [{tag}]`, "
                "or take it out of the facade."
            )
        elif lines := _naming(method, path, found[method, path]):
            yield (
                f"- {title} has not the names by which the facade calls it. Add to {OVERLAY}{lines}"
            )


def _taken_up(contract: Contract, method: str, path: str, operation: Mapping[str, Any]) -> bool:
    """Tell whether the facade calls an operation, be it by a ruling that can be."""
    if (method, path) in OPTIONAL:
        return operation.get(USE) == TAKEN_UP and MERGE_PATCH in _content(contract, operation)
    return (method, path) in FACADE


def _naming(method: str, path: str, said: Mapping[str, Any]) -> str:
    """Give the lines that name an operation as the facade does, none where it is so named."""
    actions = _names(method, path, said, {})
    return _ruling(actions) if actions else ""


def _names(
    method: str, path: str, said: Mapping[str, Any], more: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    tag, id = FACADE[method, path]
    target = place(("paths", path, method))
    actions: dict[str, Mapping[str, Any]] = {}
    update: dict[str, Any] = {}
    replaced: dict[str, Any] = {}
    if said.get("operationId") != id:
        update["operationId"] = id
        if "operationId" in said:
            replaced["x-replaces"] = {"operationId": said["operationId"]}
    tags = said.get("tags") or []
    if tags[:1] != [tag]:
        update["tags"] = [tag]
        if tags:
            # An overlay adds to a list, and the first tag names the module.
            actions[f"{target}.tags"] = {"remove": True}
    update.update(more)
    if update:
        actions[target] = {**replaced, "update": update}
    return actions


def _ruling(actions: Mapping[str, Mapping[str, Any]]) -> str:
    """Give the lines of a ruling: its actions, and the entry that goes with them."""
    return "".join(map(_action, actions, actions.values())) + _entry(*actions)


def _operation(
    contract: Contract, method: str, path: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    named = operation.get(USE) == API and operation.get("operationId")
    if named or _taken_up(contract, method, path, operation):
        return
    target = place(("paths", path, method))
    update: dict[str, Any] = {}
    if not operation.get("operationId"):
        update["operationId"] = _name(method, path)
    if not operation.get("tags"):
        # It names the module, which is `default` otherwise.
        update["tags"] = [_nouns(path)[0].capitalize()]
    update[USE] = API
    offered: list[dict[str, Mapping[str, Any]]] = [
        {target: {"update": update}},
        {target: {"remove": True}},
    ]
    by_facade = (method, path) in OPTIONAL and MERGE_PATCH in _content(contract, operation)
    if by_facade:
        offered.insert(0, _names(method, path, operation, {USE: TAKEN_UP}))
    facade = 'by `update` with `send="changes"`, ' if by_facade else ""
    choices = "\n  or".join(map(_ruling, offered))
    yield (
        f"- no ruling for {method.upper()} {path}: is it to be called {facade}through "
        f"`client.api`, or left out? Add to {OVERLAY}{choices}"
    )


def _name(method: str, path: str) -> str:
    """Make a name for an operation, such as `create_customer` of `POST /customers`."""
    of_one = path.rstrip("/").endswith("}")
    noun = _nouns(path)[-1].replace("-", "_")
    if of_one or method == "post":
        noun = noun.removesuffix("s")
    verbs = {"post": "create", "put": "replace", "get": "get" if of_one else "list"}
    return f"{verbs.get(method, method)}_{noun}"


def _nouns(path: str) -> list[str]:
    return [part for part in path.split("/") if part and not part.startswith("{")] or ["root"]


def _servers(contract: Contract) -> Iterator[str]:
    for path, item in _mapping(contract.get("paths")).items():
        for steps in [(), *((method,) for method in METHODS)]:
            value: Any = item
            for step in steps:
                value = _mapping(value).get(step)
            if isinstance(value, Mapping) and value.get("servers"):
                target = place(("paths", path, *steps, "servers"))
                yield (
                    f"- {target} names other servers, and all requests go to one. Add to "
                    f"{OVERLAY}{_action(target, {'remove': True})}{_entry(target)}"
                )


def _bodies(contract: Contract) -> Iterator[str]:
    """Ask where more than one media type could be sent; the generator takes the last one."""
    for method, path, operation in operations(contract):
        content = _content(contract, operation)
        if not content:
            continue
        said = operation.get("requestBody")
        steps, _ = follow(contract, said, "paths", path, method, "requestBody")
        taken_up = _taken_up(contract, method, path, operation)
        sent = _sent(method, list(content), taken_up=taken_up)
        if sent is None:
            yield (
                f"- {_path((*steps, 'content'))} has {', '.join(content)}: the client can send "
                f"none of them. Leave the operation out, in {OVERLAY}"
                f"{_action(place(('paths', path, method)), {'remove': True})}"
                f"{_entry(place(('paths', path, method)))}"
            )
        elif list(content) != [sent]:
            yield (
                f"- {_path((*steps, 'content'))} has {', '.join(content)}: the client sends "
                f"{sent} and nothing else. Add to {OVERLAY}"
                f"{_removed((*steps, 'content'), content, sent)}"
            )


def _content(contract: Contract, operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what a request may send, by media type."""
    _, body = follow(contract, operation.get("requestBody"))
    return _mapping(_mapping(body).get("content"))


def _sent(method: str, listed: Sequence[str], *, taken_up: bool) -> str | None:
    """Choose what to send of the listed media types, if the generated client can send any."""
    first = [MERGE_PATCH, JSON] if method == "patch" else [JSON]
    if taken_up:
        return first[0] if first[0] in listed else None
    concrete = [name for name in listed if name.endswith("+json") and "*" not in name]
    candidates = [*first, *concrete, *FORMS]
    return next((name for name in candidates if name in listed), None)


def _answers(contract: Contract) -> Iterator[str]:
    """Ask where an answer has several forms; the generator reads it as the first one."""
    for method, path, operation in operations(contract):
        for status, said in _mapping(operation.get("responses")).items():
            steps, answer = follow(contract, said, "paths", path, method, "responses", status)
            content = _mapping(_mapping(answer).get("content"))
            read = _read(contract, content)
            if content and list(content) != [read]:
                taken = f"reads {read} only" if read else "can read none of them"
                yield (
                    f"- {_path((*steps, 'content'))} has {', '.join(content)}: the generated "
                    f"client {taken}. Add to {OVERLAY}"
                    f"{_removed((*steps, 'content'), content, read)}"
                )


def _read(contract: Contract, content: Mapping[str, Any]) -> str | None:
    """Choose as what an answer is read; text only where it is not to become a model."""
    is_json = [name for name in content if name.endswith("+json") and "*" not in name]
    if JSON in content or is_json:
        return JSON if JSON in content else is_json[0]
    for name, media in content.items():
        _, schema = follow(contract, _mapping(media).get("schema"))
        if name == "application/octet-stream":
            return name
        if (
            name.startswith("text/")
            and "*" not in name
            and _mapping(schema).get("type") == "string"
        ):
            return name
    return None


def _removed(steps: Steps, content: Mapping[str, Any], kept: str | None) -> str:
    targets = [place((*steps, name)) for name in content if name != kept]
    actions = "".join(_action(target, {"remove": True}) for target in targets)
    return f"{actions}{_entry(*targets)}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _path(steps: Steps) -> str:
    return place(steps).removeprefix("$.")


def _action(target: str, does: Mapping[str, Any]) -> str:
    said = {"target": target, "description": "…", "x-label": "…", **does}
    return f"\n    - {_flow(said)}"


def _entry(*targets: str) -> str:
    entry = {"id": "…", "says": "…", "label": "…", "touches": list(targets)}
    return f"\n  with its reason and label, and to {ASSUMPTIONS}\n    - {_flow(entry)}"


def _flow(value: Any) -> str:
    """Write a value in the flow style of YAML, with bare words where they are bare there."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_flow(member)}' for name, member in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str) and value.replace("_", "").isalnum():
        return value if value != "null" else '"null"'
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
