from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from maskloom.errors import UsageError, WriteError
from maskloom.labelling.errors import Locked, TooManyTries
from maskloom.labelling.sessions import SESSION_LIFETIME, TOKEN_LIFETIME, Sessions, author_name
from maskloom.store.project import Project, database
from maskloom.store.project.schema import session


class Time:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = datetime(2026, 5, 1, tzinfo=UTC)

    def pass_by(self, span):
        self.now += span

    def seconds(self):
        return self.now.timestamp()

    def sessions(self, project):
        return Sessions(project, now=lambda: self.now, clock=self.seconds)


@pytest.fixture
def clock():
    return Time()


@pytest.fixture(params=["kept in the project", "read-only"])
def project(request, tmp_path):
    Project.create(tmp_path / "p").close()
    with Project.open(tmp_path / "p", readonly=request.param == "read-only") as opened:
        yield opened


def test_a_token_opens_one_session(project, clock):
    sessions = clock.sessions(project)
    token = sessions.invite("ann")
    secret, opened = sessions.enter(token)
    assert opened.author == "ann"
    assert opened.expires == clock.now + SESSION_LIFETIME
    assert sessions.check(secret) == opened
    assert secret != token
    with pytest.raises(Locked, match="used already"):
        sessions.enter(token)
    assert sessions.check(token) is None


def test_a_token_is_over_after_its_time(project, clock):
    sessions = clock.sessions(project)
    first, second = sessions.invite("ann"), sessions.invite("bob")
    clock.pass_by(TOKEN_LIFETIME - timedelta(seconds=1))
    assert sessions.enter(first)[1].author == "ann"
    clock.pass_by(timedelta(seconds=1))
    with pytest.raises(Locked):
        sessions.enter(second)


def test_a_session_is_over_after_its_time(project, clock):
    sessions = clock.sessions(project)
    secret, _ = sessions.enter(sessions.invite("ann"))
    clock.pass_by(SESSION_LIFETIME - timedelta(seconds=1))
    assert sessions.check(secret) is not None
    clock.pass_by(timedelta(seconds=1))
    assert sessions.check(secret) is None


@pytest.mark.parametrize("secret", ["", "x", "é", "\ud800", "\0"])
def test_a_wrong_secret_is_nobody(project, clock, secret):
    sessions = clock.sessions(project)
    sessions.enter(sessions.invite("ann"))
    assert sessions.check(secret) is None


def test_leaving_ends_a_session(project, clock):
    sessions = clock.sessions(project)
    secret, _ = sessions.enter(sessions.invite("ann"))
    sessions.leave(secret)
    assert sessions.check(secret) is None
    assert clock.sessions(project).check(secret) is None


def test_wrong_tokens_are_slowed_down_and_right_ones_soon_work_again(project, clock):
    sessions = clock.sessions(project)
    token = sessions.invite("ann")
    for _ in range(10):
        with pytest.raises(Locked):
            sessions.enter("wrong")
    for wrong_or_right in ("wrong", token):
        with pytest.raises(TooManyTries) as stopped:
            sessions.enter(wrong_or_right)
    clock.pass_by(timedelta(seconds=stopped.value.seconds))
    assert sessions.enter(token)[1].author == "ann"
    with pytest.raises(Locked):
        sessions.enter("wrong")
    with pytest.raises(TooManyTries):
        sessions.enter("wrong")


def test_sessions_outlive_the_server_and_one_time_tokens_too(tmp_path, clock):
    with Project.create(tmp_path / "p") as project:
        sessions = clock.sessions(project)
        secret, opened = sessions.enter(sessions.invite("ann"))
        waiting = sessions.invite("bob")
    with Project.open(tmp_path / "p") as project:
        later = clock.sessions(project)
        assert later.check(secret) == opened
        assert later.enter(waiting)[1].author == "bob"
        clock.pass_by(SESSION_LIFETIME)
        assert clock.sessions(project).check(secret) is None


def test_what_is_over_is_forgotten(tmp_path, clock):
    with Project.create(tmp_path / "p") as project:
        sessions = clock.sessions(project)
        for _ in range(5):
            sessions.enter(sessions.invite("ann"))
        clock.pass_by(SESSION_LIFETIME)
        sessions.invite("bob")
        with database.read(project) as connection:
            assert connection.execute(select(func.count()).select_from(session)).scalar() == 1


def test_of_a_token_raced_for_by_two_one_gets_in(tmp_path, clock):
    from concurrent.futures import ThreadPoolExecutor

    with Project.create(tmp_path / "p") as project:
        sessions = clock.sessions(project)

        def enter(token):
            try:
                return sessions.enter(token)[0]
            except (Locked, TooManyTries):
                return None

        with ThreadPoolExecutor(8) as pool:
            token = sessions.invite("ann")
            secrets = list(pool.map(enter, [token] * 8))
        assert len([one for one in secrets if one]) == 1


def test_when_a_session_cannot_be_kept_the_token_stays_good(tmp_path, clock):
    with Project.create(tmp_path / "p") as project:
        token = clock.sessions(project).invite("ann")
    with Project.open(tmp_path / "p", readonly=True) as project:
        from maskloom.store.project.sessions import open_session

        with pytest.raises(WriteError):
            open_session(project, token, SESSION_LIFETIME, now=clock.now)
    with Project.open(tmp_path / "p") as project:
        assert clock.sessions(project).enter(token)[1].author == "ann"


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\x1b[0m", "\u202egnp"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError, match="not a name"):
        author_name(name)


def test_a_name_may_be_of_any_script():
    assert author_name(" Жанна d'Arc <b> ") == "Жанна d'Arc <b>"
