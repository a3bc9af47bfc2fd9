from __future__ import annotations

import threading

import pytest

from maskloom.work.jobs import Jobs
from maskloom.work.progress import step, track


@pytest.fixture
def jobs():
    table = Jobs(workers=1)
    yield table
    table.close()


def finish(jobs, job, work_over):
    """Queue a marker behind the job: one worker runs them in order."""
    jobs.submit("marker", work_over.set)
    assert work_over.wait(30)
    return jobs.get(job.id)


def test_a_job_keeps_its_result(jobs):
    job = jobs.submit("sum", lambda: 1 + 1)
    over = finish(jobs, job, threading.Event())
    assert (over.state, over.result, over.name) == ("done", 2, "sum")
    assert over.created <= over.started <= over.finished


def test_a_failed_job_keeps_its_error(jobs):
    over = finish(jobs, jobs.submit("bad", lambda: 1 // 0), threading.Event())
    assert over.state == "failed"
    assert isinstance(over.error, ZeroDivisionError)


def test_progress_is_seen_while_the_job_runs_and_cancelling_stops_it(jobs):
    seen, go_on = threading.Event(), threading.Event()

    def work():
        step("counting")
        for item in track(range(5), "items", unit="px"):
            if item == 2:
                seen.set()
                go_on.wait(30)

    job = jobs.submit("count", work)
    assert seen.wait(30)
    now = jobs.get(job.id)
    assert (now.state, now.step) == ("running", "counting")
    assert [(one.label, one.done, one.total, one.unit) for one in now.counts] == [
        ("items", 2, 5, "px")
    ]
    jobs.cancel(job.id)
    go_on.set()
    over = finish(jobs, job, threading.Event())
    assert (over.state, over.counts) == ("cancelled", ())


def test_a_queued_job_that_is_cancelled_never_runs(jobs):
    hold, ran = threading.Event(), threading.Event()
    jobs.submit("hold", lambda: hold.wait(30))
    queued = jobs.submit("never", ran.set)
    assert jobs.cancel(queued.id).state == "cancelled"
    hold.set()
    assert finish(jobs, queued, threading.Event()).state == "cancelled"
    assert not ran.is_set()


def test_an_unknown_job_is_none(jobs):
    assert jobs.get("x") is None
    assert jobs.cancel("x") is None


def test_the_oldest_finished_jobs_are_forgotten():
    jobs = Jobs(keep=2)
    try:
        made = [jobs.submit(str(at), lambda: None) for at in range(4)]
        finish(jobs, made[-1], threading.Event())
        jobs.submit("last", lambda: None)
        names = [job.name for job in jobs.all()]
        assert names[0] == "last"
        assert "0" not in names
    finally:
        jobs.close()
