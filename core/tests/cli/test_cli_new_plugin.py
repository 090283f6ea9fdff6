"""`renkei new-plugin`: names that hold everywhere, and a folder that is there whole or not at all."""

from __future__ import annotations

import ast
import json
import re
import resource
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from commandline import Run, spawned
from hypothesis import given
from hypothesis import strategies as st

from renkei.scaffold import Names, NotPossible, Plan, plan, write

# Common words in code, a keyword, a builtin, a standard module, modules and classes of the sample, a single letter.
AWKWARD = ["class", "list", "json", "table", "fault", "server", "body", "t", "page-2"]


def written(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@cache
def files_of(id: str, label: str | None = None) -> Mapping[str, str]:
    return plan(Names.of(id, label), Path("anywhere")).files


def test_a_plugin_is_written_where_it_is_wanted_and_what_to_do_next_is_said(run: Run, tmp_path: Path) -> None:
    into = tmp_path / "some where" / "new"

    said = run("new-plugin", "acme", "--into", str(into), "--name", "Acme CRM", "--lang", "en").out

    folder = into / "renkei-acme"
    assert [path.name for path in into.iterdir()] == ["renkei-acme"]
    assert f"{folder} holds a plugin for Acme CRM now ({len(written(folder))} files)." in said
    steps = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    assert shlex.split(steps[0]) == ["cd", str(folder)]
    assert steps[1:] == ["python -m pip install -e '.[testing]'", "renkei verify acme", "python -m pytest"]
    assert "no licence" in said


def test_it_is_said_in_japanese_and_to_programs(run: Run, tmp_path: Path) -> None:
    said = run("new-plugin", "acme", "--into", str(tmp_path / "一"), "--lang", "ja").out
    told = run("new-plugin", "acme-crm", "--into", str(tmp_path / "二"), "--json").json

    assert "Acme のプラグインを作成しました" in said
    assert "次の手順" in said
    folder = tmp_path / "二" / "renkei-acme-crm"
    assert told["folder"] == str(folder)
    assert told["files"] == sorted(written(folder))
    assert {key: told[key] for key in ("id", "name", "distribution", "package")} == {
        "id": "acme-crm",
        "name": "Acme Crm",
        "distribution": "renkei-acme-crm",
        "package": "renkei_acme_crm",
    }
    assert told["next"][2] == "renkei verify acme-crm"


def test_without_a_folder_it_goes_where_one_stands(run: Run, surroundings: Path) -> None:
    run("new-plugin", "acme")

    assert (surroundings / "renkei-acme" / "pyproject.toml").is_file()


def test_the_folder_is_readable_for_others_as_any_new_folder_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()

    run("new-plugin", "acme", "--into", str(tmp_path))

    assert (tmp_path / "renkei-acme").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_it_holds_what_a_plugin_needs_and_no_licence_of_ours() -> None:
    files = files_of("acme")

    for path in (
        ".github/workflows/verify.yml",
        ".gitignore",
        "README.md",
        "src/renkei_acme/backend.py",
        "src/renkei_acme/kit.py",
        "src/renkei_acme/py.typed",
        "src/renkei_acme/simulator/__main__.py",
        "tests/conftest.py",
        "tests/test_acme_push.py",
    ):
        assert path in files
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert not {"license", "authors"} & set(project)
    assert not any("LICENSE" in path or "__pycache__" in path for path in files)
    assert project["entry-points"] == {
        "renkei.backends.v1": {"acme": "renkei_acme.backend"},
        "renkei.kits.v1": {"acme": "renkei_acme.kit:AcmeKit"},
    }
    assert [line for line in project["optional-dependencies"]["testing"] if line.startswith("renkei[testing]>=")]


def test_the_label_is_what_people_read_and_the_id_is_what_programs_read() -> None:
    files = files_of("acme", "Acme CRM")

    manifest = files["src/renkei_acme/manifest.py"]
    assert 'id="acme",' in manifest
    assert 'name=Text(ja="Acme CRM", en="Acme CRM"),' in manifest
    assert "Acme CRMの「設定 > API > クライアント」" in files["src/renkei_acme/settings.py"]
    assert 'DOMAIN = "acme-crm.example"' in files["src/renkei_acme/settings.py"]
    assert "class AcmeSettings(spec.Settings):" in files["src/renkei_acme/settings.py"]
    assert "class Acme:" in files["src/renkei_acme/simulator/acme.py"]
    assert files["README.md"].startswith("# renkei-acme\n\nAcme CRM as a backend of renkei")
    assert "import SAMPLE_SETTINGS, Acme, Fault, serve" in files["README.md"]
    assert "renkei verify acme\n" in files[".github/workflows/verify.yml"]


@pytest.mark.parametrize("id", ["acme", "zed-crm", *AWKWARD])
def test_nothing_is_left_of_the_samples_own_names_and_all_of_it_is_sound_python(id: str) -> None:
    files = files_of(id, "O'Brien & Söhne")

    for path, text in files.items():
        left = re.findall(r"(?i)\S*(?:template|atelier|new-plugin)\S*", f"{path}\n{text}")
        assert left == [], path
        if path.endswith(".py"):
            ast.parse(text, path)
    assert len(files) == len(files_of("acme"))


@pytest.mark.parametrize("id", AWKWARD)
def test_a_word_that_the_code_needs_for_something_else_becomes_another_one(id: str) -> None:
    files = files_of(id)

    package = f"src/renkei_{id.replace('-', '_')}"
    (word,) = {path.rpartition("/")[2] for path in files if path.startswith(f"{package}/simulator/")} - {
        f"{name}.py" for name in ("__init__", "__main__", "app", "checks", "faults", "sample", "server")
    }
    classes = re.findall(r"^class (\w+)", files[f"{package}/simulator/{word}"], re.MULTILINE)
    assert len(classes) == len(set(classes))
    assert word.removesuffix(".py").removesuffix("_crm") == id.replace("-", "_")
    assert f"renkei verify {id}\n" in files["README.md"]


def test_imports_stand_in_order_whatever_the_name() -> None:
    first, last = (files_of(id)[f"src/renkei_{id}/simulator/__init__.py"] for id in ("acme", "zed"))

    assert re.findall(r"^from renkei_\w+\.simulator\.(\w+)", first, re.MULTILINE) == ["acme", "app", "faults", "server"]
    assert re.findall(r"^from renkei_\w+\.simulator\.(\w+)", last, re.MULTILINE) == ["app", "faults", "server", "zed"]
    assert '__all__ = ["SAMPLE_SETTINGS", "Fault", "Zed", "make_app", "serve"]' in last


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("Acme", "'acme'"),
        ("acme crm", "'acme-crm'"),
        ("2acme", "'acme'"),
        ("-acme", "'acme'"),
        ("acme-", "'acme'"),
        ("acme--crm", "'acme-crm'"),
        ("acme/../x", "'acme-x'"),
        ("アクメ", "'acme'"),
        ("a" * 41, "at most 40"),
        ("", "'acme'"),
        ("acme\n", "'acme'"),
        ("renkei", "renkei's own"),
        ("template", "renkei's own"),
        ("renkei-acme", "'acme'"),
        ("renkei_acme", "'acme'"),
    ],
)
def test_an_id_that_cannot_be_one_is_refused_with_one_that_can(run: Run, tmp_path: Path, id: str, says: str) -> None:
    into = tmp_path / "into"

    english = run("new-plugin", f"--into={into}", "--lang", "en", "--", id, code=2).err
    japanese = run("new-plugin", f"--into={into}", "--lang", "ja", "--", id, code=2).err

    assert says in english
    assert re.search(r"[ぁ-ん]", japanese)
    assert not into.exists()


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", 'say "hi"', "back\\slash", "{braces}", "100%", "x" * 41, "…"])
def test_a_label_that_would_break_what_it_is_put_into_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    said = run("new-plugin", "acme", "--into", str(tmp_path / "into"), "--name", name, "--lang", "en", code=2).err

    assert said.startswith("Error: --name must be")
    assert not (tmp_path / "into").exists()


@given(st.text("ab1-_ AZé./", max_size=45))
def test_every_id_that_is_taken_makes_good_names_and_every_one_that_is_not_leads_to_a_good_one(id: str) -> None:
    try:
        names = Names.of(id)
    except NotPossible as refusal:
        (suggested,) = re.findall(r"(?:as in|such as) '([^']*)'", refusal.en)
        names = Names.of(suggested)

    assert names.package.isidentifier()
    assert names.prefix.isidentifier()
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", names.distribution)
    assert len(names.host) <= 63


def test_a_folder_that_is_there_is_left_alone(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "renkei-acme" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")

    failure = run("new-plugin", "acme", "--into", str(tmp_path), "--json", code=2).failure

    assert failure["message"].startswith(f"{mine.parent} is there already")
    assert written(tmp_path) == {"renkei-acme/mine.txt": "mine"}


def test_an_empty_folder_is_filled(run: Run, tmp_path: Path) -> None:
    (tmp_path / "renkei-acme").mkdir()

    run("new-plugin", "acme", "--into", str(tmp_path))

    assert (tmp_path / "renkei-acme" / "pyproject.toml").is_file()


def test_neither_a_link_nor_a_file_is_taken_for_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "renkei-linked").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")

    linked = run("new-plugin", "linked", "--into", str(tmp_path), "--lang", "en", code=2).err
    below = run("new-plugin", "acme", "--into", str(tmp_path / "file" / "below"), "--lang", "en", code=2).err
    empty = run("new-plugin", "acme", "--into", "", "--lang", "en", code=2).err

    assert "is there already" in linked
    assert "is not a folder" in below
    assert "--into is empty" in empty
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "renkei-linked"]


class Interrupted(Mapping[str, str]):
    """Files of which somebody loses patience with the tenth."""

    def __init__(self, files: Mapping[str, str], meanwhile: Path | None = None) -> None:
        self._files = files
        self._meanwhile = meanwhile

    def __getitem__(self, path: str) -> str:
        return self._files[path]

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        for number, path in enumerate(self._files):
            if number == 10 and self._meanwhile is None:
                raise KeyboardInterrupt
            if number == 10 and self._meanwhile is not None:
                self._meanwhile.mkdir()
                (self._meanwhile / "theirs.txt").write_text("theirs")
            yield path


def test_interrupted_it_leaves_neither_the_folder_nor_those_above_it(tmp_path: Path) -> None:
    planned = plan(Names.of("acme"), tmp_path / "one" / "two")

    with pytest.raises(KeyboardInterrupt):
        write(Plan(names=planned.names, folder=planned.folder, files=Interrupted(planned.files)))

    assert list(tmp_path.iterdir()) == []


def test_whoever_takes_the_place_in_between_keeps_it(tmp_path: Path) -> None:
    planned = plan(Names.of("acme"), tmp_path)

    with pytest.raises(NotPossible, match="is there already"):
        write(Plan(names=planned.names, folder=planned.folder, files=Interrupted(planned.files, planned.folder)))

    assert written(tmp_path) == {"renkei-acme/theirs.txt": "theirs"}


def test_a_disk_without_room_is_named_and_nothing_is_left_on_it(surroundings: Path) -> None:
    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))

    arguments = ("new-plugin", "acme", "--into", "new", "--json")
    with spawned(*arguments, preexec_fn=small_files_only, cwd=surroundings) as process:
        _, err = process.communicate(timeout=60)

    assert process.returncode == 1, err
    assert "could not be written to (File too large)" in json.loads(err)["error"]["message"]
    assert list(surroundings.iterdir()) == []


def install(folder: Path, distribution: str, backend: str) -> None:
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[renkei.backends.v1]\n{backend} = nowhere\n")


def test_an_id_that_another_distribution_has_here_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "somebody-elses", "acme")
    monkeypatch.syspath_prepend(tmp_path)

    said = run("new-plugin", "acme", "--into", str(tmp_path / "into"), "--lang", "en", code=2).err

    assert "The id 'acme' is that of somebody-elses 1.2, which is installed here" in said
    assert not (tmp_path / "into").exists()


def test_who_starts_over_is_told_what_the_new_one_replaces(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "renkei-acme-crm", "acme_crm")
    monkeypatch.syspath_prepend(tmp_path)

    ended = run("new-plugin", "acme_crm", "--into", str(tmp_path / "into"), "--lang", "en")

    assert "Note: renkei-acme-crm 1.2 is installed here" in ended.err
    assert (tmp_path / "into" / "renkei-acme-crm").is_dir()
