"""What a refusal says, whatever spoke: problem details, a framework's own form, or a page.

Frameworks agree on little: a sentence stands in a member of one of some thirty names,
and what is wrong with a field in a list of objects or in a map by field.  What follows
is made of that, and not of a list of frameworks.  Nothing here is masked.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from itertools import takewhile
from typing import Any
from urllib.parse import unquote

from caibo._record.contract import by_wire_name, server_owned
from caibo._record.json_text import decode, is_array, is_object
from caibo._wire.answers import Answer

#: Members that say what is wrong, the more general first, as `_bare` spells them.
_SENTENCES = (
    "title", "error", "errors", "detail", "details", "message", "messages", "msg", "reason",
    "description", "errordescription", "errormessage", "errormsg", "defaultmessage", "info",
    "fault", "faultstring", "exceptionmessage", "statusmessage", "usermessage", "constraints",
    "fielderrors", "formerrors", "validationerrors", "modelstate", "fieldviolations", "violations",
    "invalidparams", "invalidparameters", "issues", "suberrors", "validation", "errorchain",
    "causes", "innererror", "data", "response",
)  # fmt: skip
#: Members that name the field in an object about it, the most telling first.
_POINTERS = (
    "pointer", "instancepath", "datapath", "loc", "propertypath", "propertyname", "property",
    "field", "fieldname", "param", "parameter", "attribute", "path", "source", "key", "name",
)  # fmt: skip
#: Members that may hold a record, and what stands for one that is left out.
_RECORDS, _A_RECORD = ("data", "response"), "‹record›"
_TRACES = ("traceid", "requestid", "correlationid")
#: What a path may start with before it comes to the record.
_ABOVE = re.compile(
    r"\$?|body|json|data|attributes|entity|messages"
    r"|\w*(?:dto|model|request|client|customer|command|input|payload)",
    re.IGNORECASE,
)
#: Where a framework puts what is wrong with the whole.
_WHOLE = frozenset(["nonfielderrors", "all", "schema", "base"])
_SEPARATORS = re.compile(r"[./\[\]'\"#]")
_FIRST_WORD = re.compile(r"\W?([A-Za-z]\w*)\W")
_LONGEST = 200  # of a path
_MOST = 1000  # sentences: an answer may have a million
#: Of a page, or of text that is nothing better, that much is looked at.
_LOOKED_AT = 64 * 1024
#: The others are ASCII, or no encodings of text, or slow.
_ENCODINGS = re.compile(r"iso8859|cp\d|koi8|mac|gb|big5|euc|shift|utf-(?:16|32)")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # begins as the next one does
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|center|h1|p)\b", re.IGNORECASE)
_HIDDEN = re.compile(r"<(?:script|style|noscript|svg)\b", re.IGNORECASE)
_SHOWN_AGAIN = re.compile(r"</(?:script|style|noscript|svg)\b[^<>]*>", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_ELEMENT = re.compile(r"<(?:[\w-]+:)?([A-Za-z_][\w.-]*)(?:\s[^<>]*)?>([^<]*)")


@dataclass(slots=True)
class Said:
    """What a body says; the `repr` shows none of it."""

    sentences: list[str] = field(default_factory=list[str], repr=False)
    #: Paths of fields, by this package's names, and what is said of each.
    fields: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]], repr=False)
    #: The members of a JSON object; a number that no float can hold is a string.
    problem: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    #: The JSON that it is, else the text, without the tags of a page.
    whole: Any = field(default="", repr=False)
    #: The title of a web page, `None` where it is none.
    page: str | None = field(default=None, repr=False)
    trace: str | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        return len(self.sentences) + len(self.fields)

    def add(self, path: str, text: str) -> None:
        if text.strip() and self.count < _MOST:
            if path:
                self.fields.append((path, text))
            elif text not in self.sentences:
                self.sentences.append(text)


def what_is_said(response: Answer) -> Said:
    """Read the body of a refusal."""
    media_type, _, options = response.headers.get("content-type", "").lower().partition(";")
    text = _text(response.content, options).strip("\ufeff \t\r\n")
    if text[:1] in ("{", "[", '"') or "json" in media_type:
        # If it is cut off, or no JSON at all, its words are still words.
        with suppress(ValueError):
            return _of_json(_decoded(text))
    if "html" in media_type or (text[:1] == "<" and _HTML.search(text[:2000])):
        return _of_page(text[:_LOOKED_AT])
    return _of_xml(text[:_LOOKED_AT]) if text[:1] == "<" else _of_text(text)


def _text(content: bytes, options: str) -> str:
    """Decode a body by its byte order mark, as what it looks like, or as it says, in this order."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if 0 in content[:2]:  # JSON and markup begin with ASCII
        return content.decode("utf-16-be" if content[0] == 0 else "utf-16-le", "replace")
    decoder = codecs.getincrementaldecoder("utf-8")()
    with suppress(UnicodeDecodeError):
        text = decoder.decode(content)
        left, _ = decoder.getstate()
        if not left or not text.isascii():  # the last character was cut off
            return text
    named = re.search(r"charset=\W?([\w.:-]{1,40})", options)
    try:
        encoding = codecs.lookup(named[1] if named else "cp1252").name
    except LookupError:
        encoding = ""
    return content.decode(encoding if _ENCODINGS.match(encoding) else "cp1252", "replace")


def _decoded(text: str) -> Any:
    """Decode JSON into what `json.dumps` takes, a member that stands twice as a list of both.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    value = decode(text)
    if isinstance(value, str) and value[:1] == "{":  # encoded twice
        return _decoded(value)
    return json.loads(text, object_pairs_hook=_members, parse_int=_integer, parse_float=_float)


class _Twice(list[Any]):
    """What a member says that stands in its object more than once."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name not in members:
            members[name] = value
        elif isinstance(before := members[name], _Twice):
            before.append(value)
        else:
            members[name] = _Twice([before, value])
    return members


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 400 else digits


def _float(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number


def _of_json(value: Any) -> Said:
    said = Said(whole=_without_records(value))
    if is_object(value):
        said.problem = dict(said.whole) if is_object(said.whole) else {}
        said.trace = _trace(value) or _trace(value.get("error"))
    _take(value, said, top=True)
    return said


def _trace(value: Any) -> str | None:
    members: Mapping[str, Any] = value if is_object(value) else {}
    texts = {_bare(name): text for name, text in members.items() if isinstance(text, str)}
    return next((texts[name] for name in _TRACES if texts.get(name)), None)


def _take(value: Any, said: Said, path: str = "", *, top: bool = False) -> None:
    """Take what is said at a path, or of the whole."""
    if isinstance(value, str):
        said.add(path, value)
    elif is_array(value):
        for item in value:
            _take(item, said, path or (_first_word(item) if isinstance(item, str) else ""))
    elif is_object(value):
        _take_object(value, said, path, top=top)


def _take_object(value: Mapping[str, Any], said: Said, path: str, *, top: bool) -> None:
    named = {_bare(name): name for name in value}
    if _is_whole_record(value):
        return  # whatever its title and description say
    # At the top a path is that of the request.
    here = path or ("" if top else _pointed_at(value, named))
    before = said.count
    for name in _SENTENCES:
        part = value.get(named.get(name, ""))
        if name in _RECORDS and is_object(part) and _is_record(part):
            continue
        if name == "constraints" and is_object(part):  # by the names of the rules
            part = [*part.values()]
        _take(part, said, here)
    if said.count == before and isinstance(code := value.get(named.get("code", "")), str):
        said.add(here, code)
    silent = said.count == before and not _is_record(value)
    for name, part in takewhile(lambda _: said.count < _MOST, value.items()):
        known = _bare(name) in by_wire_name()
        if _bare(name) in _WHOLE:
            _take(part, said, path)
        elif top and silent and isinstance(part, str) and not known:
            said.add("", part if " " in part.strip() else "")
        elif silent or (known and is_array(part)):
            _take(part, said, _path([name], path))


def _is_record(value: Mapping[str, Any]) -> bool:
    """Tell a map by field from a record that is shown instead: its values are no sentences."""
    return any(
        isinstance(part, int | float) or (isinstance(part, str) and " " not in part.strip())
        for name, part in value.items()
        if server_owned(name) or _bare(name) == "email"
    )


def _is_whole_record(value: Mapping[str, Any]) -> bool:
    return _is_record(value) and any(
        _bare(name) == "name" and isinstance(part, str) for name, part in value.items()
    )


def _without_records(value: Any) -> Any:
    """Leave out the records of customers: masking knows only what was sent and read."""
    if is_array(value):
        return [_without_records(item) for item in value]
    if not is_object(value):
        return value
    if _is_whole_record(value):
        return _A_RECORD
    return {
        name: _A_RECORD
        if _bare(name) in _RECORDS and is_object(part) and _is_record(part)
        else _without_records(part)
        for name, part in value.items()
    }


def _pointed_at(value: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """Return the path of the field that an object is about."""
    for name in _POINTERS:
        pointer = value.get(named.get(name, ""))
        if is_object(pointer):  # as in JSON:API
            pointer = pointer.get("pointer") or pointer.get("parameter")
        if pointer and isinstance(pointer, str):
            return _path([pointer])
        if pointer and is_array(pointer):
            return _path([str(part) for part in pointer])
    return ""


def _path(names: list[str], above: str = "") -> str:
    """Spell a path as this package does: ``$.memberId`` and ``/memberId`` are `member_id`."""
    parts = [part for name in names for part in _SEPARATORS.split(unquote(name)[:_LONGEST])]
    parts = [part for part in parts if part and not part.isdigit()]
    while not above and parts and _ABOVE.fullmatch(parts[0]):
        if len(parts) == 1:
            return "document" if parts == ["$"] else ""
        del parts[0]
    parts = [part for part in parts if _bare(part) not in _WHOLE]
    if not above and parts and (known := by_wire_name().get(_bare(parts[0]))):
        parts[0] = known.name
    return ".".join([*([above] if above else []), *parts]) or "document"


def _first_word(text: str) -> str:
    """Return the field that a sentence begins with: "email must be an email"."""
    word = _FIRST_WORD.match(text)
    known = word and by_wire_name().get(_bare(word[1]))
    return known.name if known else ""


def _bare(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _of_xml(text: str) -> Said:
    """Read the elements of XML as members; no parser of ours expands what it declares."""
    text = _without_comments(text.replace("<![CDATA[", "").replace("]]>", ""))
    members: dict[str, list[str]] = {}
    for name, words in _ELEMENT.findall(text):
        if words.strip():
            members.setdefault(name, []).append(unescape(words).strip())
    said = _of_json({name: found if found[1:] else found[0] for name, found in members.items()})
    said.problem = {}
    said.whole = _words(text)
    if not said.count:
        said.add("", said.whole)
    return said


def _of_page(text: str) -> Said:
    text = _without_comments(text)
    first, *hidden = _HIDDEN.split(text)
    text = first + "".join(part for h in hidden for part in _SHOWN_AGAIN.split(h, 1)[1:])
    title = _TITLE.search(text)
    page = " ".join(unescape(title[1]).split()) if title else ""
    words = _words(_TITLE.sub("", text))
    said = Said(page=page, whole=f"{page}\n{words}".strip())
    said.add("", page)
    if " " not in page:  # "Error" is no reason
        said.add("", words)
    return said


def _without_comments(text: str) -> str:
    first, *rest = text.split("<!--")
    return first + "".join(part.partition("-->")[2] for part in rest)


def _words(text: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", text)).split())


def _of_text(text: str) -> Said:
    text = text[:_LOOKED_AT]
    odd = sum(not (c.isprintable() or c.isspace()) for c in text[:_MOST])
    said = Said(whole="" if odd * 10 > min(len(text), _MOST) else text)
    said.add("", said.whole)
    return said
