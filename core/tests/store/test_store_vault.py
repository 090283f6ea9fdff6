"""The vault: secrets sealed to their place, keys that rotate, a key file that only its owner reads."""

from __future__ import annotations

import base64
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from renkei.store import Store, Vault, VaultError, connections, installation, key_file, new_key, parse_keys
from renkei.store.tables import connections as table

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "connections:1:settings"


@given(st.binary(max_size=300), st.text(max_size=30))
def test_what_is_sealed_opens_at_its_place(plain, place):
    vault = Vault({"k": OLD})

    assert vault.open(vault.seal(plain, bound_to=place), bound_to=place) == plain


def test_the_same_secret_is_sealed_differently_each_time():
    vault = Vault({"k": OLD})

    assert vault.seal(b"x", bound_to=PLACE) != vault.seal(b"x", bound_to=PLACE)


def test_a_ciphertext_that_was_moved_does_not_open():
    vault = Vault({"k": OLD})
    sealed = vault.seal(b"secret", bound_to=PLACE)

    for elsewhere in ("connections:2:settings", "connections:1:credentials"):
        with pytest.raises(VaultError, match="changed or moved"):
            vault.open(sealed, bound_to=elsewhere)


def test_every_changed_byte_is_noticed():
    vault = Vault({"k": OLD})
    sealed = vault.seal(b"secret", bound_to=PLACE)

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(VaultError):
            vault.open(bytes(changed), bound_to=PLACE)


def test_every_truncated_value_is_refused_as_damaged():
    vault = Vault({"k": OLD})
    sealed = vault.seal(b"secret", bound_to=PLACE)

    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            vault.open(sealed[:length], bound_to=PLACE)


def test_a_key_of_the_same_name_but_other_bytes_is_refused():
    sealed = Vault({"k": OLD}).seal(b"secret", bound_to=PLACE)

    with pytest.raises(VaultError, match="another key of the same name"):
        Vault({"k": NEW}).open(sealed, bound_to=PLACE)


def test_a_missing_key_is_named():
    sealed = Vault({"old": OLD}).seal(b"secret", bound_to=PLACE)

    with pytest.raises(VaultError, match=r"sealed with key 'old', which is not among the keys given \(new\)"):
        Vault({"new": NEW}).open(sealed, bound_to=PLACE)


@pytest.mark.parametrize("keys", [{}, {"": OLD}, {"k": b"short"}, {"k" * 65: OLD}])
def test_unusable_keys_are_refused(keys):
    with pytest.raises(VaultError):
        Vault(keys)


def test_no_key_shows_in_a_repr_or_a_refusal():
    vault = Vault({"k": OLD})
    with pytest.raises(VaultError) as refused:
        parse_keys("k:" + base64.b64encode(b"canary").decode())

    assert "ooo" not in repr(vault)
    assert base64.b64encode(b"canary").decode() not in str(refused.value)


# -- keys as text ---------------------------------------------------------------------------------------------------


def test_keys_are_read_in_order_with_comments_and_commas():
    text = f"# a comment\nnew:{base64.b64encode(NEW).decode()}, old:{base64.b64encode(OLD).decode()}\n"

    assert list(parse_keys(text).items()) == [("new", NEW), ("old", OLD)]


@pytest.mark.parametrize("entry", ["k", "k:", "k:!!!", "k:日本語", "k:AAAA", ":" + "A" * 10])
def test_a_malformed_key_entry_is_named_by_its_position(entry):
    with pytest.raises(VaultError, match="key entry 2 is not"):
        parse_keys(f"{new_key()}\n{entry}")


def test_two_keys_of_one_name_are_refused_because_only_one_of_them_could_open_anything():
    with pytest.raises(VaultError, match="'k'"):
        parse_keys(f"k:{base64.b64encode(NEW).decode()},k:{base64.b64encode(OLD).decode()}")


# -- the key file ---------------------------------------------------------------------------------------------------


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path):
    previous = os.umask(0)
    try:
        keys = key_file(tmp_path / "renkei.key")
    finally:
        os.umask(previous)

    assert stat.S_IMODE((tmp_path / "renkei.key").stat().st_mode) == 0o600
    assert key_file(tmp_path / "renkei.key") == keys
    assert [path.name for path in tmp_path.iterdir()] == ["renkei.key"]


def test_many_who_make_the_key_file_at_once_all_get_the_same_key(tmp_path):
    barrier = threading.Barrier(20)

    def make(_number):
        barrier.wait()
        return tuple(key_file(tmp_path / "renkei.key").items())

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(make, range(20)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["renkei.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_remedy(tmp_path, mode):
    key_file(tmp_path / "renkei.key")
    (tmp_path / "renkei.key").chmod(mode)

    with pytest.raises(VaultError, match=r"run: chmod 600 renkei\.key"):
        key_file(tmp_path / "renkei.key")


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe", b"k:short\n"])
def test_a_key_file_without_a_key_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "renkei.key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(VaultError):
        key_file(path)

    assert path.read_bytes() == content


def test_a_folder_in_which_no_key_file_can_be_made_is_a_vault_error(tmp_path):
    with pytest.raises(VaultError, match="cannot be made or read"):
        key_file(tmp_path / "nowhere" / "renkei.key")


# -- keys and databases ---------------------------------------------------------------------------------------------


def test_the_embedded_default_keeps_its_key_file_beside_the_database(tmp_path):
    store = Store(str(tmp_path / "renkei.db"))
    _ = store.installation
    store.close()

    assert stat.S_IMODE((tmp_path / "renkei.db.key").stat().st_mode) == 0o600


def test_a_lost_key_file_is_not_replaced_by_a_new_one_that_opens_nothing(tmp_path):
    first = Store(str(tmp_path / "renkei.db"))
    _ = first.installation
    first.close()
    (tmp_path / "renkei.db.key").unlink()

    second = Store(str(tmp_path / "renkei.db"))
    with pytest.raises(VaultError):
        _ = second.installation
    second.close()

    assert not (tmp_path / "renkei.db.key").exists()


@pytest.mark.parametrize("keys", [{"k1": NEW}, {"other": NEW}])
def test_the_keys_of_another_database_are_refused_before_anything_is_sealed(bench, open_store, keys):
    _ = bench.store.installation

    with pytest.raises(VaultError, match="wrong vault key for this database"):
        _ = open_store(keys).vault


def test_a_database_server_needs_keys_that_are_given(empty_pg_url):
    store = Store(empty_pg_url)

    with pytest.raises(VaultError, match="RENKEI_KEYS"):
        _ = store.installation
    store.close()


def test_rotation_new_key_first_reseal_then_the_old_one_may_go(empty_url, on_store):
    first = on_store(Store(empty_url, {"k1": OLD}))
    number = first.connection()
    first.store.close()
    both = Store(empty_url, {"k2": NEW, "k1": OLD})

    def reseal(connection):
        installation.renew_vault_check(connection, both.vault)
        return connections.reseal(connection, both.vault)

    assert both.write(reseal) == 1
    assert both.write(reseal) == 0

    both.close()

    alone = Store(empty_url, {"k2": NEW})
    with alone.read() as connection:
        assert connections.open_sealed(connection, alone.vault, number).settings["password"] == "secret of fake"
    alone.close()


def test_a_secret_copied_into_another_connections_row_does_not_open_there(bench):
    first, second = bench.connection("first"), bench.connection("second")

    def steal(connection):
        sealed = connection.execute(sa.select(table.c.sealed_settings).where(table.c.id == first)).scalar()
        connection.execute(table.update().where(table.c.id == second).values(sealed_settings=sealed))

    bench.write(steal)

    with pytest.raises(VaultError, match="changed or moved"):
        bench.read(connections.open_sealed, bench.store.vault, second)


def test_an_opened_connection_shows_no_secret_in_its_repr(bench):
    opened = bench.read(connections.open_sealed, bench.store.vault, bench.connection())

    assert "secret of" not in repr(opened)
