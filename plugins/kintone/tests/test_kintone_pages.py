"""The plugin's pages say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from renkei_kintone.lane_meanings import ADD_RECORDS
from renkei_kintone.settings import KintoneSettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_page_of_answers_is_what_the_tables_say() -> None:
    path = ROOT / "docs" / "answers.py"
    source = importlib.util.spec_from_file_location("answers", path)
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)

    assert path.with_suffix(".md").read_text(encoding="utf-8") == module.made(), f"it is old: run {path.name}"


def test_the_readme_lists_every_setting_with_its_default() -> None:
    section = README.split("## Settings")[1].split("## ")[0]
    rows = [row.strip("| ").split(" | ") for row in section.splitlines() if row.startswith("| `")]
    listed = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}

    assert list(listed) == list(KintoneSettings.model_fields)
    for name, said in listed.items():
        field = KintoneSettings.model_fields[name]
        assert ("required" in said) is field.is_required()
        assert ("secret" in said) is (name in KintoneSettings.secret_fields())
        if not field.is_required() and field.default is not None:
            assert said == f"`{'no' if field.default is False else field.default}`"


def test_the_readme_tells_the_way_in_both_languages() -> None:
    for words in ("Update app", "アプリを更新", ADD_RECORDS, "Add records", "値の重複を禁止", "prohibits duplicate"):
        assert words in README
