"""Keywords that are no fields but options, here or in other clients, and where each belongs."""

from __future__ import annotations

from collections.abc import Mapping

_LIGHT = ("timeout", "deadline", "max_retries", "headers", "validate", "send", "observers")
_FIXED = (
    *("max_base_age", "rate_limit", "lock", "transport", "max_connections", "base_url"),
    *("api_key", "access_token", "auth"),
)
_OWN = ("confirm", "expect", "current", "extra")
_PLAN = "is no field; `customers.plan(…)` works an update out and writes nothing"
_ONCE = (
    "is no field, and nothing takes it: an update is never sent twice blindly, and applying a "
    "plan a second time writes nothing"
)
_TAG = (
    "is no field; an entity tag of the record read goes with the write by itself, and `expect=` "
    "holds a write to what the record says"
)
_ADVICE: Mapping[str, str] = {
    **{
        name: f"is an option of the client: client.with_options({name}=…).customers.update(…)"
        for name in _LIGHT
    },
    **{name: f"is an option of the client: Caibo({name}=…)" for name in _FIXED},
    **{name: f"is an option of `update`, not a field: write `{name}=`" for name in _OWN},
    "confirm": "is an option of `update`, `apply` and `edit`, and of the client; no field",
    "on_conflict": "is an option of `apply` and `edit`, not a field; `update` has `expect=`",
    **dict.fromkeys(("dry_run", "preview", "simulate", "validate_only"), _PLAN),
    **dict.fromkeys(("idempotency_key", "idempotent"), _ONCE),
    **dict.fromkeys(("if_match", "etag"), _TAG),
}
_MEANT = {
    **{name.replace("_", ""): name for name in _ADVICE},
    **dict.fromkeys(("retries", "retry", "maxretry", "maxattempts"), "max_retries"),
}


def option_problem(name: str) -> tuple[str, str | None] | None:
    """Say where a keyword belongs that is an option, or nearly one, and which is meant.

    Nearly: a letter or two beside an option of the method's own, one beside any other.
    """
    from difflib import get_close_matches

    bare = name.lower().replace("_", "").replace("-", "")
    near = get_close_matches(bare, _OWN, 1, 0.82)
    near += get_close_matches(bare, _MEANT, 1, 0.92)
    meant = _MEANT.get(bare) or (_MEANT[near[0]] if near else None)
    if meant is None:
        return None
    if meant == name:
        return _ADVICE[meant], None
    return f"is no field; did you mean `{meant}`? That {_ADVICE[meant]}", meant
