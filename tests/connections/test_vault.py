"""The vault: what is stored opens only with its key, in its place, and is shown nowhere."""

from __future__ import annotations

import base64
import json
import multiprocessing
import stat
import traceback
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from spojka.connections import vault
from spojka.connections.models import Secret
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem

CANARY = "canary-7f3a9c-tajne-heslo"


@pytest.fixture(autouse=True)
def key_file(tmp_path: Path, settings: Settings) -> Path:
    settings.KEY_FILE = tmp_path / "keys" / "keys.json"
    return Path(settings.KEY_FILE)


def refusal(code: str) -> pytest.RaisesExc[vault.VaultError]:
    return pytest.raises(vault.VaultError, match=code)


@pytest.mark.django_db
def test_a_value_comes_back_and_only_its_end_is_shown() -> None:
    vault.put("shop:1", "secret", CANARY)
    assert vault.get("shop:1", "secret") == CANARY
    assert vault.get("shop:1", "other") is None
    assert vault.get("shop:2", "secret") is None
    (shown,) = vault.fields("shop:1")
    assert (shown.field, shown.last4) == ("secret", "eslo")
    assert CANARY not in repr(shown)


@pytest.mark.django_db
def test_of_a_short_value_nothing_is_shown() -> None:
    vault.put("shop:1", "pin", "12345678901")
    vault.put("shop:1", "key", "123456789012")
    assert [info.last4 for info in vault.fields("shop:1")] == ["9012", ""]


@pytest.mark.django_db
def test_a_new_value_replaces_the_former_and_an_empty_one_forgets_it() -> None:
    vault.put("shop:1", "secret", "first")
    before = Secret.objects.get().nonce
    vault.put("shop:1", "secret", "second")
    assert vault.get("shop:1", "secret") == "second"
    assert bytes(Secret.objects.get().nonce) != bytes(before)
    vault.put("shop:1", "secret", "")
    assert vault.fields("shop:1") == []


@pytest.mark.django_db
def test_forgetting_an_owner_leaves_the_others() -> None:
    for owner in ("shop:1", "shop:1", "shop:11"):
        vault.put(owner, "secret", owner)
    vault.forget("shop:1")
    assert vault.get("shop:1", "secret") is None
    assert vault.get("shop:11", "secret") == "shop:11"


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(value=st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_any_text_comes_back(value: str) -> None:
    vault.put("connection:1", "field", value)
    assert vault.get("connection:1", "field") == value


@pytest.mark.django_db
def test_the_database_never_holds_the_value() -> None:
    vault.put("shop:1", "secret", CANARY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM connections_secret")
        stored = repr([[bytes(c) if isinstance(c, memoryview) else c for c in r] for r in cursor])
    assert "shop:1" in stored
    assert CANARY not in stored
    assert base64.b64encode(CANARY.encode()).decode() not in stored


@pytest.mark.django_db
@pytest.mark.parametrize(
    "moved",
    [
        {"owner": "shop:2"},
        {"field": "other"},
        {"ciphertext": b"\x00" * 40},
        {"nonce": b"\x00" * 12},
    ],
)
def test_a_ciphertext_opens_only_in_its_place(moved: dict[str, object]) -> None:
    vault.put("shop:1", "secret", CANARY)
    Secret.objects.update(**moved)
    row = Secret.objects.get()
    with refusal("SPJ-VAULT-DAMAGED") as caught:
        vault.get(row.owner, row.field)
    assert caught.value.problem == Problem.of("SPJ-VAULT-DAMAGED", owner=row.owner, field=row.field)


@pytest.mark.django_db
def test_a_failure_is_for_the_adapters_a_rejection_and_shows_nothing(key_file: Path) -> None:
    vault.put("shop:1", "secret", CANARY)
    keys = [entry["key"] for entry in json.loads(key_file.read_text())["keys"].values()]
    Secret.objects.update(owner="shop:2")
    with pytest.raises(RejectedError) as caught:
        vault.get("shop:2", "secret")
    assert caught.value.rejection is Rejection.CONFIG
    frames = caught.value.__traceback__.tb_next if caught.value.__traceback__ else None
    walked = traceback.StackSummary.extract(traceback.walk_tb(frames), capture_locals=True)
    shown = "".join(walked.format())
    assert "_open" in shown
    assert CANARY not in shown
    for key in keys:
        assert key not in shown
        assert repr(base64.b64decode(key)) not in shown


@pytest.mark.django_db
def test_a_lost_key_is_named() -> None:
    vault.put("shop:1", "secret", CANARY)
    Secret.objects.update(key_id="kgone")
    with refusal("SPJ-VAULT-KEY") as caught:
        vault.get("shop:1", "secret")
    assert caught.value.problem.facts["key"] == "kgone"
    lost = vault.status().keys[-1]
    assert (lost.key_id, lost.secrets, lost.present) == ("kgone", 1, False)


def test_the_key_file_is_made_once_and_for_its_owner_only(key_file: Path) -> None:
    assert vault.ensure_key_file() == key_file
    made = key_file.read_bytes()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    vault.ensure_key_file()
    assert key_file.read_bytes() == made
    assert [path.name for path in key_file.parent.iterdir()] == ["keys.json"]
    data = json.loads(made)
    assert len(base64.b64decode(data["keys"][data["primary"]]["key"])) == 32


def _make(results: multiprocessing.Queue[bytes], start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    results.put(vault.ensure_key_file().read_bytes())


def test_processes_that_start_at_once_end_up_with_one_file() -> None:
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[bytes] = context.Queue()
    start = context.Event()
    makers = [context.Process(target=_make, args=(results, start)) for _ in range(8)]
    for maker in makers:
        maker.start()
    start.set()
    seen = {results.get(timeout=20) for _ in makers}
    for maker in makers:
        maker.join(timeout=20)
    assert len(seen) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "not json", '{"primary": "a", "keys": {}}', '{"primary": "a", "keys": []}',
     '{"primary": "a", "keys": {"a": {"key": "!!", "created_at": "x", "retired": false}}}',
     '{"primary": "a", "keys": {"a": {"key": "AAAA", "created_at": "x", "retired": false}}}'],
)  # fmt: skip
def test_a_broken_key_file_is_told_and_never_replaced(key_file: Path, content: str) -> None:
    key_file.parent.mkdir()
    key_file.write_text(content)
    with refusal("SPJ-VAULT-FILE"):
        vault.put("shop:1", "secret", CANARY)
    with refusal("SPJ-VAULT-FILE"):
        vault.add_key()
    assert key_file.read_text() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").write_text("")
    settings.KEY_FILE = tmp_path / "file" / "keys.json"
    with refusal("SPJ-VAULT-FILE"):
        vault.ensure_key_file()


def _stored(count: int) -> list[str | None]:
    return [vault.get(f"shop:{number}", "secret") for number in range(count)]


@pytest.mark.django_db
def test_after_a_new_key_old_values_still_open_until_they_are_sealed_anew() -> None:
    for number in range(25):
        vault.put(f"shop:{number}", "secret", f"value {number}")
    (old,) = vault.status().keys
    new = vault.add_key()
    assert vault.get("shop:7", "secret") == "value 7"
    assert vault.status().waiting == 25
    with refusal("SPJ-VAULT-KEY-IN-USE"):
        vault.retire(old.key_id)

    first = vault.rotate(batch=4, limit=10)  # stopped half-way, as by a kill
    assert (first.done, first.left) == (10, 15)
    assert _stored(25) == [f"value {number}" for number in range(25)]
    second = vault.rotate(batch=4)
    assert (second.done, second.left, second.failed) == (15, 0, ())

    vault.retire(old.key_id)
    assert _stored(25) == [f"value {number}" for number in range(25)]
    states = {key.key_id: (key.primary, key.retired, key.secrets) for key in vault.status().keys}
    assert states == {old.key_id: (False, True, 0), new: (True, False, 25)}


@pytest.mark.django_db
def test_the_key_in_use_and_an_unknown_key_are_not_retired(key_file: Path) -> None:
    primary = json.loads(vault.ensure_key_file().read_text())["primary"]
    with refusal("SPJ-VAULT-KEY-IN-USE"):
        vault.retire(primary)
    with refusal("SPJ-VAULT-KEY"):
        vault.retire("knone")


@pytest.mark.django_db
def test_a_retired_key_opens_nothing_but_rotating_saves_what_it_sealed(key_file: Path) -> None:
    vault.put("shop:1", "secret", CANARY)
    late = Secret.objects.get()
    (old,) = vault.status().keys
    vault.add_key()
    vault.rotate()
    vault.retire(old.key_id)
    late.save()  # a process that sealed before the key was retired commits after it
    with refusal("SPJ-VAULT-KEY"):
        vault.get("shop:1", "secret")
    assert vault.rotate().done == 1
    assert vault.get("shop:1", "secret") == CANARY


@pytest.mark.django_db
def test_rotating_leaves_a_damaged_value_and_goes_on() -> None:
    vault.put("shop:1", "secret", "one")
    vault.put("shop:2", "secret", "two")
    Secret.objects.filter(owner="shop:1").update(field="moved")
    vault.add_key()
    rotation = vault.rotate()
    assert (rotation.done, rotation.left) == (1, 1)
    assert [problem.code for problem in rotation.failed] == ["SPJ-VAULT-DAMAGED"]


@pytest.mark.django_db
def test_rotating_does_not_undo_a_value_that_was_changed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault.put("shop:1", "secret", "old")
    vault.add_key()
    seal = vault._seal

    def changed_meanwhile(*args: object) -> object:
        monkeypatch.setattr(vault, "_seal", seal)
        vault.put("shop:1", "secret", "new")
        return seal(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vault, "_seal", changed_meanwhile)
    assert vault.rotate().done == 0
    assert vault.get("shop:1", "secret") == "new"


@pytest.mark.django_db
def test_a_file_that_others_may_read_is_told(key_file: Path) -> None:
    vault.ensure_key_file()
    assert vault.status().private
    key_file.chmod(0o644)
    assert not vault.status().private
