from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

from renkei import spec
from renkei_template import backend, manifest
from renkei_template.codes import SENTENCES, Code

SOURCE = Path(backend.__file__).parent


def test_the_manifest_is_equal_each_time_and_goes_into_json_with_both_forms():
    first, second = backend.crm_describe(), backend.crm_describe()

    assert first == second
    data = first.model_dump(mode="json")
    assert set(data["settings"]["properties"]) == {"workspace", "client_id", "client_secret"}
    assert set(data["options"]["properties"]) == {"stage"}


def test_id_and_version_are_those_of_the_entry_point_and_the_distribution():
    points = [point for point in entry_points(group=spec.ENTRY_POINT_GROUP) if point.module == backend.__name__]

    assert [point.name for point in points] == [manifest.MANIFEST.id]
    assert points[0].dist is not None
    assert version(points[0].dist.name) == manifest.MANIFEST.version


def test_every_code_has_its_sentence_and_every_sentence_its_use():
    used = set()
    for path in SOURCE.glob("*.py"):
        if path.name != "codes.py":
            used |= set(re.findall(r"\bCode\.([A-Z_]+)", path.read_text()))
    named_by_atelier = set(re.findall(r'"([a-z_]+)"', "".join(p.read_text() for p in SOURCE.glob("simulator/*.py"))))

    assert set(SENTENCES) == {str(code) for code in Code}
    assert [code for code in Code if code.name not in used and code.value not in named_by_atelier] == []


def test_each_hook_that_is_claimed_is_there_and_no_other():
    hooks = {name for name in dir(backend) if name.startswith("crm_")}
    claimed = {f"crm_{name}" for name in spec.CAPABILITIES if manifest.MANIFEST.supports(name)}

    assert hooks == set(spec.REQUIRED_HOOKS) | (claimed & set(spec.OPTIONAL_HOOKS))
    for name in hooks:
        hook = getattr(backend, name)
        assert hook.__renkei_hook__ == name
        assert inspect.iscoroutinefunction(hook) == (name in spec.ASYNC_HOOKS)


def test_importing_the_hooks_pulls_in_no_web_framework_and_of_renkei_only_the_spec():
    program = (
        "import sys, renkei_template.backend;"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('starlette', 'uvicorn', 'sqlalchemy')"
        " or m.startswith('renkei.') and not m.startswith('renkei.spec')];"
        "sys.exit(', '.join(bad) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
