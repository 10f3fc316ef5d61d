"""What is relied on beyond the contract stands in one file, and is shipped and shown from there."""

from __future__ import annotations

import json
from pathlib import Path

import assumptions
import documents
import generate
import pytest
from projects import ROOT, Edit

SOURCE = "codegen/assumptions.yaml"
READ = "$.paths['/customers/{id}']"
Captured = pytest.CaptureFixture[str]


def refused(project: Path, capsys: Captured) -> str:
    """Generate where the assumptions are wrong, and give what is said; nothing is replaced."""
    before = generate.files(project)

    assert generate.main(["write", "--root", str(project)]) == 1

    assert generate.files(project) == before
    said = capsys.readouterr().err
    assert said.startswith("generate: the assumptions do not fit the overlay:\n")
    return said


def entry(**changed: object) -> dict[str, object]:
    """An entry on the one action that `actions` has, with something else in it."""
    sound = {"id": "a-read", "says": "There is a read.", "label": "assumption", "touches": [READ]}
    return {**sound, **changed}


ACTIONS = [{"target": READ, "x-label": "assumption"}]


def test_the_packaged_file_is_the_source() -> None:
    """JSON, since no YAML parser is there at run time."""
    packaged = json.loads((ROOT / generate.PACKAGE / "assumptions.json").read_text("utf-8"))

    assert packaged == documents.load((ROOT / SOURCE).read_text("utf-8"))
    assert set(assumptions.LABELS) == {one["label"] for one in packaged}


def test_the_page_shows_each_of_them_with_its_label() -> None:
    """In one table, in their order."""
    page = (ROOT / generate.PAGE).read_text("utf-8")

    table = page.partition(assumptions.BEGIN)[2].partition(assumptions.END)[0]

    packaged = json.loads((ROOT / generate.PACKAGE / "assumptions.json").read_text("utf-8"))
    rows = [line.strip("| ").split(" | ") for line in table.strip().splitlines()[2:]]
    assert rows == [[one["says"], one["label"]] for one in packaged]


def test_check_finds_a_row_that_was_edited_by_hand(
    project: Path, edit: Edit, capsys: Captured
) -> None:
    """The table is part of what is generated; the next run mends it."""
    before = (project / generate.PAGE).read_bytes()
    edit(generate.PAGE, "answers with the whole record |", "answers with a part of it |")

    assert generate.main(["check", "--root", str(project)]) == 1
    assert f"{generate.PAGE} differs in what is made" in capsys.readouterr().out
    assert generate.main(["write", "--root", str(project)]) == 0

    assert (project / generate.PAGE).read_bytes() == before


def test_what_stands_around_the_table_is_left_alone(project: Path, edit: Edit) -> None:
    """The rest of the page is written by people."""
    edit(generate.PAGE, "# What is assumed", "# What we assume")

    assert generate.main(["check", "--root", str(project)]) == 0


@pytest.mark.parametrize("mark", [assumptions.BEGIN, assumptions.END])
@pytest.mark.parametrize("times", [0, 2])
def test_a_page_without_both_marks_is_refused(
    project: Path, edit: Edit, mark: str, times: int, capsys: Captured
) -> None:
    """Rather than that the table goes to a wrong place; the package is not replaced either."""
    edit(generate.PAGE, f"{mark}\n", f"{mark}\n" * times)
    (project / generate.PACKAGE / "by-hand.py").touch()

    assert generate.main(["write", "--root", str(project)]) == 1

    assert f"{generate.PAGE} needs each of these lines once" in capsys.readouterr().err
    assert (project / generate.PACKAGE / "by-hand.py").exists()


def test_a_label_of_the_overlay_without_an_entry_stops(
    project: Path, edit: Edit, capsys: Captured
) -> None:
    """The message is the entry to write."""
    edit(SOURCE, f"  touches:\n    - {READ}\n", "  touches: behaviour\n")

    said = refused(project, capsys)

    assert f"overlay action \"{READ}\" has the label 'assumption'" in said
    asked = "\n".join(line[4:] for line in said.splitlines() if line.startswith("    "))
    [written] = documents.load(asked)
    written["id"] = "there-is-a-read"
    with (project / SOURCE).open("a") as source:
        source.write(f"- {json.dumps(written)}\n")
    assert generate.main(["write", "--root", str(project)]) == 0


def test_an_entry_on_an_action_that_is_gone_stops(
    project: Path, edit: Edit, capsys: Captured
) -> None:
    """Once the vendor documents a thing, nobody goes on calling it assumed."""
    edit(SOURCE, f"    - {READ}\n", f"    - {READ}\n    - $.nowhere\n")

    said = refused(project, capsys)

    assert "entry 'read-exists' touches '$.nowhere', and codegen/overlay.yaml has no such" in said
    assert "`touches: behaviour`" in said


def test_a_label_other_than_the_actions_stops(project: Path, edit: Edit, capsys: Captured) -> None:
    """The page must not call a contradiction what the overlay calls an assumption."""
    edit(SOURCE, 'whole record"\n  label: assumption', 'whole record"\n  label: contradiction')

    said = refused(project, capsys)

    assert "has another label in codegen/overlay.yaml than 'contradiction'" in said
    assert "has the label 'assumption', and codegen/assumptions.yaml says nothing of it" in said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": "Two Words"}, "entry 'Two Words': `id` is made of lower-case words"),
        ({"id": 7}, "entry 7: `id` is made of"),
        ({"says": ""}, "`says` is one sentence"),
        ({"says": "Two\nlines."}, "`says` is one sentence in one line"),
        ({"says": None}, "`says` is one sentence"),
        ({"label": "guess"}, "`label` is one of contradiction, assumption, documented elsewhere"),
        ({"touches": []}, "for what no action rests on, write `touches: behaviour`"),
        ({"touches": None}, "write `touches: behaviour`"),
        ({"touches": "behavior"}, "write `touches: behaviour`"),
        ({"touches": [7]}, "`touches` lists the targets"),
        ({"since": 1.2}, "`since` is a version"),
        ({"sinec": "1.2.3"}, "it needs `id`, `says`, `label` and `touches`, may have `since`"),
    ],
)
def test_an_entry_that_is_wrong_in_itself_is_named(wrong: dict[str, object], said: str) -> None:
    """With what is to stand there."""
    found = list(assumptions.problems([entry(**wrong), entry()], ACTIONS))

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("lacking", ["id", "says", "label", "touches"])
def test_an_entry_that_lacks_something_is_named_by_its_place(lacking: str) -> None:
    """Or by its id, where that is there."""
    cut = {name: value for name, value in entry(id="other").items() if name != lacking}

    [found] = assumptions.problems([entry(), cut], ACTIONS)

    assert f"entry {2 if lacking == 'id' else 'other'!r}: it needs" in found


def test_an_id_stands_for_one_entry() -> None:
    """Who quotes it means that one."""
    [found] = assumptions.problems([entry(), entry()], ACTIONS)

    assert "there is another entry with this `id`" in found


@pytest.mark.parametrize("source", [None, {}, "text"])
def test_a_file_that_holds_no_list_is_told(source: object) -> None:
    assert list(assumptions.problems(source, ACTIONS)) == [f"- {SOURCE} holds no list"]


def test_what_is_right_is_taken() -> None:
    """One entry may stand for several actions, and several entries for one."""
    more = {"target": "$.info", "x-label": "assumption"}

    found = assumptions.problems(
        [
            entry(touches=[READ, "$.info"], since="0.2.0"),
            entry(id="another"),
            entry(id="third", touches="behaviour", label="contradiction"),
        ],
        [*ACTIONS, more],
    )

    assert list(found) == []


def test_a_bar_does_not_end_a_cell() -> None:
    assert "| a \\| b | assumption |" in assumptions.table([entry(says="a | b")])
